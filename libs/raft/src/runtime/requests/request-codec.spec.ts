import { RaftError } from '../../errors/raft-error';
import { decodeRequest, decodeResult, encodeRequest, encodeResult } from './request-codec';
import { decodeError, encodeError } from '../base/error-codec';
import type { RequestResult } from './pending-request';

describe('The codec of forwarded calls', () => {
  it('keeps a request', () => {
    const request = {
      bootNonce: '0123456789abcdef0123456789abcdef',
      schemaVersion: 70_000,
      consistency: 'lease',
      body: Uint8Array.of(1, 2, 3),
    } as const;
    const decoded = decodeRequest(new Uint8Array(encodeRequest(request)))!;
    expect({ ...decoded, body: [...decoded.body] }).toEqual({ ...request, body: [1, 2, 3] });
  });

  it('keeps the trace context of a traced call, and adds no byte to one that is not traced', () => {
    const plain = { bootNonce: 'n1', schemaVersion: 3, consistency: 'stale', body: Uint8Array.of(1, 2, 3) } as const;
    const carrier = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nvendor=é';
    const bytes = encodeRequest({ ...plain, carrier });
    expect(decodeRequest(bytes)).toMatchObject({ bootNonce: 'n1', schemaVersion: 3, consistency: 'stale', carrier });
    expect([...decodeRequest(bytes)!.body]).toEqual([1, 2, 3]);
    expect(decodeRequest(encodeRequest(plain))).not.toHaveProperty('carrier');
    expect([...encodeRequest(plain)]).toEqual([1, 2, 0, 0, 0, 3, 2, 0x6e, 0x31, 1, 2, 3]);
    expect([...encodeRequest({ ...plain, carrier: '' })]).toEqual([...encodeRequest(plain)]);
  });

  it('keeps the caller beside all else, and adds no byte where there is none', () => {
    const plain = { bootNonce: 'n1', schemaVersion: 3, consistency: 'stale', body: Uint8Array.of(1, 2, 3) } as const;
    expect([...encodeRequest({ ...plain, caller: 'é1' })]).toEqual([
      ...[1, 0x22, 0, 0, 0, 3, 2, 0x6e, 0x31],
      ...[3, 0xc3, 0xa9, 0x31],
      ...[1, 2, 3],
    ]);
    const all = { ...plain, carrier: 'trace', maxLagMs: 50, after: 7, caller: 'client at ::1' };
    expect(decodeRequest(encodeRequest(all))).toMatchObject({ ...all, body: expect.anything() as unknown });
    expect([...decodeRequest(encodeRequest(all))!.body]).toEqual([1, 2, 3]);
    expect(decodeRequest(encodeRequest(plain))).not.toHaveProperty('caller');
    expect(decodeRequest(encodeRequest({ ...plain, caller: 'x'.repeat(300) }))?.caller).toHaveLength(255);
    const empty = encodeRequest({ ...all, body: new Uint8Array(0) });
    for (let length = 0; length < empty.length; length++)
      expect(decodeRequest(empty.subarray(0, length))).toBeUndefined();
  });

  it('leaves a trace context out that is too long, and keeps the call', () => {
    const request = { bootNonce: 'n', schemaVersion: 0, consistency: 'lease', body: Uint8Array.of(7) } as const;
    expect(encodeRequest({ ...request, carrier: 'x'.repeat(1025) })).toEqual(encodeRequest(request));
    expect(decodeRequest(encodeRequest({ ...request, carrier: 'x'.repeat(1024) }))?.carrier).toHaveLength(1024);
  });

  it('takes no traced request that is cut off before its body', () => {
    const bytes = encodeRequest({
      bootNonce: 'n',
      schemaVersion: 0,
      consistency: 'lease',
      carrier: 'abc',
      body: new Uint8Array(0),
    });
    for (let length = 0; length < bytes.length; length++)
      expect(decodeRequest(bytes.subarray(0, length))).toBeUndefined();
  });

  it('takes no request that is cut off, or of another format', () => {
    const bytes = encodeRequest({ bootNonce: 'n', schemaVersion: 0, consistency: 'stale', body: new Uint8Array(0) });
    for (let length = 0; length < bytes.length; length++)
      expect(decodeRequest(bytes.subarray(0, length))).toBeUndefined();
    const newer = Uint8Array.from(bytes);
    newer[0] = 2;
    expect(decodeRequest(newer)).toBeUndefined();
  });

  it.each<RequestResult>([
    { value: undefined, index: 5 },
    { value: { status: 'applied', value: undefined }, index: 0 },
    { value: { status: 'rejected', reason: 'NO', message: 'not enough', details: { missing: 3n } }, index: 2 ** 40 },
    { value: { status: 'failed', message: 'a bug' }, index: Number.MAX_SAFE_INTEGER },
  ])('keeps the result %j', (result) => {
    expect(decodeResult(new Uint8Array(encodeResult(result)))).toEqual(result);
  });

  it('keeps the bytes of a value', () => {
    const { value } = decodeResult(
      encodeResult({ value: { status: 'applied', value: Uint8Array.of(9, 8) }, index: 3 }),
    );
    expect(value?.status === 'applied' && [...value.value!]).toEqual([9, 8]);
  });

  it('keeps a typed error with everything that it tells', () => {
    const leader = { name: 'n2', peer: 'n2:7001', http: 'http://n2:3000' };
    const error = new RaftError('RAFT_NOT_LEADER', 'ask n2', { leader, retryAfterMs: 20, reason: 'R', details: [1] });
    const decoded = decodeError(encodeError(error))!;
    expect(decoded).toMatchObject({
      code: 'RAFT_NOT_LEADER',
      message: 'ask n2',
      leader,
      retryAfterMs: 20,
      reason: 'R',
    });
    expect(decoded.details).toEqual([1]);
    expect(decodeError(encodeError(new RaftError('RAFT_BUSY', 'full')))!.notApplied).toBe(true);
  });

  it('keeps the bounds of a client’s stale read, and the bytes of every other call', () => {
    const call = { bootNonce: 'b', schemaVersion: 1, consistency: 'stale', body: Uint8Array.of(5) } as const;
    const bounds = { maxLagMs: 12.5, after: 77 };
    expect(decodeRequest(encodeRequest({ ...call, ...bounds }))).toEqual({ ...call, ...bounds });
    expect(decodeRequest(encodeRequest({ ...call, after: 3, carrier: 'c' }))).toEqual({
      ...call,
      after: 3,
      carrier: 'c',
    });
    const linearizable = { ...call, consistency: 'linearizable' } as const;
    expect(encodeRequest({ ...linearizable, ...bounds })).toEqual(encodeRequest(linearizable));
    expect(decodeRequest(encodeRequest({ ...call, ...bounds }).subarray(0, 20))).toBeUndefined();
  });

  it('takes a code that it does not know, or bytes that are none, for no answer at all', () => {
    expect(decodeError(encodeError(new RaftError('RAFT_FROM_THE_FUTURE' as never, '')))).toBeUndefined();
    expect(decodeError(Uint8Array.of(1, 2, 3))).toBeUndefined();
    expect(() => decodeResult(Uint8Array.of(1))).toThrow('unknown format');
  });
});
