import { createRequire } from 'node:module';
import path from 'node:path';

const resolveFrom = createRequire(__filename);
const dist = path.join(path.dirname(resolveFrom.resolve('nestjs-raft/package.json')), 'dist');

/** What a mutant has to know of what it changes; the library hides it, and tests no other way. */
type Functions = Record<string, (...args: never[]) => unknown>;

/** @param file below the library's compiled code, without extension */
function load(file: string): Record<string, unknown> {
  return resolveFrom(path.join(dist, `${file}.js`)) as Record<string, unknown>;
}

/** Replaces an exported function, for every module that calls it from outside of its own file. */
export function replaceFunction<F extends (...args: never[]) => unknown>(
  file: string,
  name: string,
  make: (original: F) => F,
): void {
  const exported = load(file) as Functions;
  const original = exported[name];
  if (typeof original !== 'function')
    throw new TypeError(`${file} exports no function ${name}: the mutant is out of date`);
  exported[name] = make(original as F);
}

/** Replaces a method of an exported class. */
export function replaceMethod<F extends (...args: never[]) => unknown>(
  file: string,
  className: string,
  method: string,
  make: (original: F) => F,
): void {
  const exported = load(file)[className] as { readonly prototype: Functions } | undefined;
  const original = exported?.prototype[method];
  if (exported === undefined || typeof original !== 'function')
    throw new TypeError(`${file} has no method ${className}.${method}: the mutant is out of date`);
  exported.prototype[method] = make(original as F);
}

/** @returns an exported function of the library, to be used by a mutant */
export function libraryFunction<F extends (...args: never[]) => unknown>(file: string, name: string): F {
  const found = load(file)[name];
  if (typeof found !== 'function')
    throw new TypeError(`${file} exports no function ${name}: the mutant is out of date`);
  return found as F;
}
