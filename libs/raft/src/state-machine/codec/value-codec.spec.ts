import { isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { MalformedBytesError, UnsupportedValueError } from './codec-errors';
import { decodeValue, encodeValue } from './value-codec';
import { MAX_VALUE_DEPTH } from './value-format';

class User {
  constructor(readonly name: string) {}
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const refusal = (value: unknown, root = 'args'): string => {
  try {
    encodeValue(value, root);
  } catch (error) {
    expect(error).toBeInstanceOf(UnsupportedValueError);
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};

/** The bytes of logs and snapshots: they never change. */
const GOLDEN: readonly (readonly [string, unknown, string])[] = [
  ['undefined', undefined, 'd40000'],
  ['null', null, 'c0'],
  ['false', false, 'c2'],
  ['true', true, 'c3'],
  ['0', 0, '00'],
  ['-0', -0, 'cb8000000000000000'],
  ['127', 127, '7f'],
  ['128', 128, 'cc80'],
  ['65535', 65535, 'cdffff'],
  ['2^32 - 1', 0xffff_ffff, 'ceffffffff'],
  ['2^53 - 1', Number.MAX_SAFE_INTEGER, 'cf001fffffffffffff'],
  ['-1', -1, 'ff'],
  ['-33', -33, 'd0df'],
  ['-129', -129, 'd1ff7f'],
  ['-40000', -40000, 'd2ffff63c0'],
  ['-(2^53 - 1)', Number.MIN_SAFE_INTEGER, 'd3ffe0000000000001'],
  ['2^53', 2 ** 53, 'cb4340000000000000'],
  ['1.5', 1.5, 'cb3ff8000000000000'],
  ['NaN', Number.NaN, 'cb7ff8000000000000'],
  ['a bigint', 258n, 'c9000000030200 0102'],
  ['a negative bigint', -1n, 'c9000000020201 01'],
  ['a string', 'visits', 'a6766973697473'],
  ['text beyond ASCII', 'é', 'a2c3a9'],
  ['an array', [1, 'a'], '9201a161'],
  ['an object', { b: 1, a: undefined }, '82a16201a161d40000'],
  ['a Date', new Date(1_700_000_000_000), 'd701cb4278bcfe56800000'.replace('cb', '')],
  ['bytes', Uint8Array.of(1, 2), 'c4020102'],
  ['a Map', new Map<unknown, unknown>([['a', 1]]), 'c9000000040392a16101'],
  ['a Set', new Set([1, 2]), 'c90000000304920102'],
];

describe('The value codec', () => {
  it.each(GOLDEN)('keeps the bytes of %s', (_name, value, golden) => {
    const bytes = bytesOf(golden.replaceAll(' ', ''));
    expect(hex(encodeValue(value))).toBe(hex(bytes));
    expect(decodeValue(bytes)).toEqual(value);
  });

  it('gives back any plain data as it was', () => {
    const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('__proto__'), fc.constant('constructor'));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(undefined, null, true, false, -0, Number.NaN, Infinity),
        fc.double(),
        fc.maxSafeInteger(),
        fc.bigInt(),
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.uint8Array({ maxLength: 400 }),
        fc.date({ noInvalidDate: true }),
        fc.array(tie('value'), { maxLength: 20 }),
        fc.array(fc.tuple(key, tie('value'))).map((entries) => Object.fromEntries(entries) as object),
        fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
        fc.array(tie('value')).map((elements) => new Set(elements)),
      ),
    }));
    fc.assert(
      fc.property(value, (data) => {
        const bytes = encodeValue(data);
        const decoded = decodeValue(bytes);
        return isDeepStrictEqual(decoded, data) && hex(encodeValue(decoded)) === hex(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it.each([15, 16, 31, 32, 33, 127, 128, 255, 256, 16_383, 16_384, 32_768, 65_535, 65_536])(
    'keeps texts, bytes, arrays and objects of length %d',
    (n) => {
      const object = Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]));
      for (const value of [
        'x'.repeat(n),
        'é'.repeat(n),
        new Uint8Array(n).fill(7),
        Array.from({ length: n }, () => 1),
        object,
      ])
        expect(isDeepStrictEqual(decodeValue(encodeValue(value)), value)).toBe(true);
    },
  );

  it('keeps the order of keys, and a key that is called __proto__', () => {
    const value = JSON.parse('{"z":1,"__proto__":{"admin":true},"a":2}') as object;
    const decoded = decodeValue(encodeValue(value)) as { readonly admin?: boolean };
    expect(Object.keys(decoded)).toEqual(['z', '__proto__', 'a']);
    expect(decoded.admin).toBeUndefined();
  });

  it('tells a Map from an object, and bigints from numbers, wherever they stand', () => {
    const value = { map: new Map([[{ a: 1 }, 2n ** 63n]]), object: { a: 2 ** 40 } };
    expect(decodeValue(encodeValue(value))).toEqual(value);
  });

  it('decodes into memory of its own', () => {
    const bytes = encodeValue({ data: Uint8Array.of(1, 2, 3) });
    const { data } = decodeValue(bytes) as { readonly data: Uint8Array };
    bytes.fill(0);
    expect([...data]).toEqual([1, 2, 3]);
    expect(data.buffer.byteLength).toBe(3);
    expect(data.constructor).toBe(Uint8Array);
  });

  it('encodes into memory of its own', () => {
    const first = encodeValue('first');
    encodeValue('other');
    expect(decodeValue(first)).toBe('first');
    expect(first.buffer.byteLength).toBe(first.length);
  });

  it('takes data of another realm, and a Buffer as the bytes that it is', () => {
    const value: unknown = runInNewContext(
      '({ list: [1], map: new Map([["a", 1]]), set: new Set([1]), date: new Date(5), bytes: new Uint8Array([1]) })',
    );
    expect(decodeValue(encodeValue(value))).toEqual({
      list: [1],
      map: new Map([['a', 1]]),
      set: new Set([1]),
      date: new Date(5),
      bytes: Uint8Array.of(1),
    });
    expect(decodeValue(encodeValue(Buffer.from('hi')))).toEqual(new Uint8Array([104, 105]));
  });

  it('names what it refuses, with its path', () => {
    expect(refusal([{ owner: new User('ann') }])).toBe('args[0].owner is a User: pass plain data');
    expect(refusal([[1, { 'two words': () => 1 }]])).toBe(
      'args[0][1]["two words"] is the function two words: pass plain data',
    );
    expect(refusal([User])).toBe('args[0] is the function User: pass plain data');
    expect(refusal([Symbol('x')])).toBe('args[0] is a symbol: pass plain data');
    expect(refusal([{ [Symbol('x')]: 1 }])).toBe('args[0] has the symbol key Symbol(x): use string keys');
    expect(refusal([Promise.resolve(1)])).toBe('args[0] is a Promise: await it, and pass what it resolves with');
    expect(refusal([new Float64Array(1)])).toBe('args[0] is a Float64Array: pass a Uint8Array');
    expect(refusal([new ArrayBuffer(1)])).toBe('args[0] is an ArrayBuffer: pass a Uint8Array');
    expect(refusal([new Error('x')])).toBe('args[0] is an Error: pass plain data');
    expect(refusal([/a/])).toBe('args[0] is a RegExp: pass plain data');
    expect(refusal([new WeakMap()])).toBe('args[0] is a WeakMap: pass plain data');
    expect(refusal([new Date(Number.NaN)])).toBe('args[0] is an invalid Date: pass a valid one, or null');
    expect(refusal(['\ud800'])).toBe("args[0] has half of a surrogate pair, which isn't text: pass a Uint8Array");
    expect(refusal([new (class Users extends Array<User> {})()])).toBe('args[0] is a Users: pass plain data');
    expect(refusal([new (class Cache extends Map<string, User> {})()])).toBe('args[0] is a Cache: pass plain data');
    expect(refusal([new Map([['ann', new User('ann')]])])).toBe('args[0].ann is a User: pass plain data');
    expect(refusal([new Map([[new User('ann'), 1]])])).toBe('args[0] (its key 0) is a User: pass plain data');
    expect(refusal([new Set([1, new User('ann')])])).toBe('args[0][1] is a User: pass plain data');
    expect(refusal(new User('ann'), 'result')).toBe('result is a User: pass plain data');
  });

  it('names a cycle, and accepts one object in two places', () => {
    const inner: { parent?: object } = {};
    const outer = { inner };
    expect(decodeValue(encodeValue([inner, inner]))).toEqual([{}, {}]);
    inner.parent = outer;
    expect(refusal([outer])).toBe('args[0].inner.parent is args[0] itself: pass data without a cycle');
  });

  it('refuses data that is nested too deep, on both sides', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth <= MAX_VALUE_DEPTH; depth++) deep = [deep];
    expect(refusal(deep)).toMatch(/is nested more than 128 deep: pass flatter data$/);
    expect(() => decodeValue(new Uint8Array(10_000).fill(0x91))).toThrow(MalformedBytesError);
  });

  it('is used again after a refusal, and by a getter that encodes while it is encoded', () => {
    expect(refusal([new User('ann')])).toMatch(/User/);
    const value = {
      before: 1,
      get inner() {
        return encodeValue('inner');
      },
      after: 2,
    };
    expect(decodeValue(encodeValue(value))).toEqual({ before: 1, inner: encodeValue('inner'), after: 2 });
  });

  it('answers bytes that nobody wrote with one error, and never reads beyond them', () => {
    for (const golden of [
      '',
      'c1',
      'd5',
      'a5',
      'dbffffffff',
      'ddffffffff',
      'dfffffffff',
      'c6ffffffff',
      '9201',
      '8101',
      '0000',
    ])
      expect(() => decodeValue(bytesOf(golden))).toThrow(MalformedBytesError);
    for (const golden of [
      'cfffffffffffffffff',
      'd38000000000000000',
      'd4ff00',
      'c90000000103c0',
      'c9000000020391 01',
      'c900000001 0200',
    ])
      expect(() => decodeValue(bytesOf(golden.replaceAll(' ', '')))).toThrow(MalformedBytesError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeValue(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
