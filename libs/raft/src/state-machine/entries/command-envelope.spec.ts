import fc from 'fast-check';
import { MalformedBytesError, UnknownFormatError, UnsupportedValueError } from '../codec/codec-errors';
import { decodeClock, encodeClock } from './clock-entry';
import { decodeCommand, encodeCommand, relayedCommand, stampCommandTime, withSchemaHash } from './command-envelope';
import { decodeQuery, encodeQuery } from './query-envelope';
import { MAX_ARGUMENT_ELEMENTS } from '../codec/value-format';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('The command envelope', () => {
  const call = { machine: 'counters', command: 'increment', args: ['visits', 2] };
  const session = { clientId: 'c1', sequence: 7, ackedThrough: 5 };

  it('keeps its bytes', () => {
    const bytes = encodeCommand(call);
    stampCommandTime(bytes, 1_700_000_000_123.9);
    expect(hex(bytes)).toBe(
      ['01', '00', '0000018bcfe5687b', '08', '636f756e74657273', '09', '696e6372656d656e74', '92a676697369747302'].join(
        '',
      ),
    );
    expect(decodeCommand(bytes)).toEqual({ ...call, timeMs: 1_700_000_000_123, isRelayed: false });
  });

  it('keeps its bytes with a session', () => {
    const bytes = encodeCommand({ machine: 'm', command: 'c', args: [], session });
    expect(hex(bytes)).toBe(
      ['01', '01', '0000000000000000', '016d', '0163', '026331', '0000000000000007', '0000000000000005', '90'].join(''),
    );
    expect(decodeCommand(bytes)).toEqual({
      machine: 'm',
      command: 'c',
      args: [],
      session,
      timeMs: 0,
      isRelayed: false,
    });
  });

  it('keeps its bytes with the hash of a schema, which a build from before it refuses as a newer format', () => {
    const bytes = encodeCommand({ ...call, idempotencyKey: 'k' });
    stampCommandTime(bytes, 1_700_000_000_123);
    const stamped = withSchemaHash(bytes, '0123456789abcdef');
    expect(hex(stamped)).toBe(
      [
        '02',
        '02',
        '0000018bcfe5687b',
        '0123456789abcdef',
        '08',
        '636f756e74657273',
        '09',
        '696e6372656d656e74',
        '016b',
        '92a676697369747302',
      ].join(''),
    );
    const { fingerprint } = decodeCommand(bytes);
    expect(decodeCommand(stamped)).toEqual({ ...decodeCommand(bytes), fingerprint, schemaHash: '0123456789abcdef' });
    expect(() => withSchemaHash(stamped, '0123456789abcdef')).toThrow(MalformedBytesError);
    expect(() => withSchemaHash(bytes, 'short')).toThrow(RangeError);
    // A caller can't say which schema there is: the leader refuses it.
    expect(() => stampCommandTime(stamped, 1)).toThrow(MalformedBytesError);
    expect(relayedCommand(stamped, session)).toBeUndefined();
    expect(() => decodeCommand(Buffer.concat([Buffer.of(3), stamped.subarray(1)]))).toThrow(UnknownFormatError);
  });

  it('gets its time in place, and again', () => {
    const bytes = encodeCommand(call);
    stampCommandTime(bytes, Number.MAX_SAFE_INTEGER);
    expect(decodeCommand(bytes).timeMs).toBe(Number.MAX_SAFE_INTEGER);
    stampCommandTime(bytes, 5);
    expect(decodeCommand(bytes)).toEqual({ ...call, timeMs: 5, isRelayed: false });
  });

  it('refuses a time that is none, and bytes that are no command', () => {
    const bytes = encodeCommand(call);
    for (const timeMs of [-1, Number.NaN, Infinity, 2 ** 53])
      expect(() => stampCommandTime(bytes, timeMs)).toThrow(RangeError);
    expect(() => stampCommandTime(new Uint8Array(3), 1)).toThrow(MalformedBytesError);
    expect(() => stampCommandTime(Buffer.from('{"a":"a long enough text"}'), 1)).toThrow(MalformedBytesError);
  });

  it('names the argument that is no plain data', () => {
    class User {}
    expect(() => encodeCommand({ ...call, args: [{ owner: new User() }] })).toThrow(
      new UnsupportedValueError('args[0].owner', 'is a User: pass plain data'),
    );
  });

  it('refuses names that have no place in it', () => {
    for (const name of ['', 'x'.repeat(256), 'é'.repeat(128)]) {
      expect(() => encodeCommand({ ...call, machine: name })).toThrow(RangeError);
      expect(() => encodeCommand({ ...call, session: { ...session, clientId: name } })).toThrow(RangeError);
    }
    expect(() => encodeCommand({ ...call, session: { ...session, sequence: 1.5 } })).toThrow(RangeError);
  });

  it('says alike everywhere what is wrong with bytes that nobody encoded', () => {
    const whole = encodeCommand({ ...call, session });
    for (let length = 0; length < whole.length; length++)
      expect(() => decodeCommand(whole.subarray(0, length))).toThrow(MalformedBytesError);
    expect(() => decodeCommand(Buffer.concat([whole, Buffer.of(0)]))).toThrow(/1 bytes too many/);
    expect(() => decodeCommand(Buffer.of(0, 0))).toThrow(/no command has format 0/);
    const flagged = whole.slice();
    flagged[1] = 0x82;
    expect(() => decodeCommand(flagged)).toThrow(/flags 130 are unknown/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeCommand(Buffer.concat([Buffer.of(1, 0), bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError);
        }
      }),
    );
  });

  it.each([
    ['empty objects', Buffer.alloc(1_000_000, 0x80)],
    ['nulls', Buffer.alloc(1_000_000, 0xc0)],
    ['lists of empty lists', Buffer.concat(Array.from({ length: 1_000_000 / 16 }, () => Buffer.alloc(16, 0x90)))],
  ])('is refused by the count of its elements, before they are made, with a million of %s', (_what, elements) => {
    const head = encodeCommand({ machine: 'm', command: 'c', args: [] }).subarray(0, -1);
    const count = Buffer.alloc(5, 0xdd);
    count.writeUInt32BE(1_000_000, 1);
    const list = Buffer.concat([head, Uint8Array.of(0x91), count, elements]);
    expect(() => decodeCommand(list)).toThrow(
      new MalformedBytesError('A command is malformed at byte 20 of 1000020: there are more than 262144 elements'),
    );
    const nested = Buffer.concat([
      head,
      Uint8Array.of(0xdc, 0x03, 0xe8),
      ...Array.from({ length: 1_000 }, () => [Uint8Array.of(0xdc, 0x03, 0xe8), Buffer.alloc(1_000, 0x80)]).flat(),
    ]);
    expect(() => decodeCommand(nested)).toThrow('there are more than 262144 elements');
  });

  it('has as many elements as it may, and is refused to who passes more, with the place', () => {
    const most = Array.from({ length: MAX_ARGUMENT_ELEMENTS - 1 }, () => 0);
    const bytes = encodeCommand({ machine: 'm', command: 'c', args: [most] });
    expect((decodeCommand(bytes).args[0] as number[]).length).toBe(MAX_ARGUMENT_ELEMENTS - 1);
    expect(() => encodeCommand({ machine: 'm', command: 'c', args: [[...most, 0]] })).toThrow(
      new UnsupportedValueError('args[0]', 'brings the elements above 262144: pass fewer at a time, or a Uint8Array'),
    );
    expect(() => encodeQuery({ machine: 'm', query: 'q', args: [new Set([...most, 1, 2, 3]), most] })).toThrow(
      UnsupportedValueError,
    );
  });

  it('tells a newer format from one that is malformed', () => {
    const newer = encodeCommand(call);
    newer[0] = 3;
    expect(() => decodeCommand(newer)).toThrow(UnknownFormatError);
    const newerQuery = encodeQuery({ machine: 'm', query: 'q', args: [] });
    newerQuery[0] = 2;
    expect(() => decodeQuery(newerQuery)).toThrow(UnknownFormatError);
  });
});

describe('The query envelope', () => {
  it('keeps its bytes', () => {
    const call = { machine: 'm', query: 'current', args: ['visits'] };
    const bytes = encodeQuery(call);
    expect(hex(bytes)).toBe(['01', '00', '016d', '07', '63757272656e74', '91a6766973697473'].join(''));
    expect(decodeQuery(bytes)).toEqual(call);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeQuery(bytes.subarray(0, length))).toThrow(MalformedBytesError);
  });
});

describe('A clock entry', () => {
  it('keeps its bytes', () => {
    expect(hex(encodeClock(1_700_000_000_123))).toBe('0000018bcfe5687b');
    expect(decodeClock(encodeClock(1_700_000_000_123.5))).toBe(1_700_000_000_123);
    expect(() => encodeClock(-1)).toThrow(RangeError);
    expect(() => decodeClock(new Uint8Array(7))).toThrow(MalformedBytesError);
  });
});
