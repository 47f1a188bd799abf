import 'reflect-metadata';

type Method = (...args: never[]) => unknown;

/**
 * Puts a wrapper in a method's place, at decoration, so that every way to call it goes through the wrapper. To everybody who reads
 * them, name, length and what other decorators have put on the function are the wrapper's; what decorators above put on it they
 * put on the wrapper themselves. Parameters' metadata is kept with the class, and isn't touched.
 */
export function wrapMethod<M extends Method>(descriptor: TypedPropertyDescriptor<M>, wrap: (original: M) => M): void {
  const original = descriptor.value;
  if (typeof original !== 'function') throw new TypeError('It belongs on a method.');
  const wrapper = wrap(original);
  for (const [property, own] of Object.entries(Object.getOwnPropertyDescriptors(original)))
    if (property !== 'prototype') Object.defineProperty(wrapper, property, own);
  for (const key of Reflect.getOwnMetadataKeys(original) as unknown[])
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  descriptor.value = wrapper;
}
