import { types } from 'node:util';

/**
 * What a value is to the codec. `instanceof` isn't enough: data may come from another realm (a vm context, a test runner).
 */
export type ObjectShape = 'object' | 'array' | 'map' | 'set' | 'date' | 'bytes' | 'unsupported';

/** `Object.getPrototypeOf`, without its `any`. */
const getPrototypeOf: (value: object) => object | null = Object.getPrototypeOf;

export function shapeOf(value: object): ObjectShape {
  const prototype = getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return 'object';
  if (prototype === Array.prototype) return 'array';
  if (prototype === Map.prototype) return 'map';
  if (prototype === Set.prototype) return 'set';
  if (prototype === Date.prototype) return 'date';
  if (prototype === Uint8Array.prototype || Buffer.isBuffer(value)) return 'bytes';
  return shapeFromAnotherRealm(value);
}

/**
 * A built-in of another realm has as many prototypes above it as one of ours; an instance of a class that extends it has more,
 * and would come back without its class.
 */
function shapeFromAnotherRealm(value: object): ObjectShape {
  const depth = prototypeDepth(value);
  if (types.isProxy(value)) return 'unsupported';
  if (Array.isArray(value)) return depth === 2 ? 'array' : 'unsupported';
  if (types.isMap(value)) return depth === 2 ? 'map' : 'unsupported';
  if (types.isSet(value)) return depth === 2 ? 'set' : 'unsupported';
  if (types.isDate(value)) return depth === 2 ? 'date' : 'unsupported';
  if (types.isUint8Array(value)) return depth <= 4 ? 'bytes' : 'unsupported';
  const prototype = getPrototypeOf(value);
  return depth === 1 && prototype !== null && Object.hasOwn(prototype, 'hasOwnProperty') ? 'object' : 'unsupported';
}

function prototypeDepth(value: object): number {
  let depth = 0;
  for (let prototype: object | null = getPrototypeOf(value); prototype !== null; prototype = getPrototypeOf(prototype))
    depth++;
  return depth;
}

/** Why a value is refused and what to pass instead, as the end of a sentence that begins with its path. */
export function describeUnsupported(value: unknown): string {
  if (typeof value === 'function')
    return `is ${value.name === '' ? 'a function' : `the function ${value.name}`}: pass plain data`;
  if (typeof value === 'symbol') return 'is a symbol: pass plain data';
  if (types.isPromise(value)) return 'is a Promise: await it, and pass what it resolves with';
  if (types.isProxy(value)) return 'is a Proxy: pass plain data';
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value))
    return `is ${withArticle(className(value))}: pass a Uint8Array`;
  return `is ${withArticle(className(value as object))}: pass plain data`;
}

function className(value: object): string {
  const { constructor } = value as { readonly constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== ''
    ? constructor.name
    : 'instance of a class without a name';
}

function withArticle(name: string): string {
  // User and Uint16Array are more frequent than Umbrella.
  return `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`;
}
