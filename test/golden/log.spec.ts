import { StateMachineHost } from 'nestjs-raft';
import { type Entry, makeEntry } from '../../libs/raft/src/core/base/entry';
import { CounterMachine } from '../../libs/raft/src/nest/primitives/counter/counter.machine';
import { decodeClock, encodeClock } from '../../libs/raft/src/state-machine/entries/clock-entry';
import { decodeClusterVersion } from '../../libs/raft/src/state-machine/entries/cluster-version-entry';
import {
  type CommandCall,
  decodeCommand,
  encodeCommand,
  relayedCommand,
  stampCommandTime,
  withSchemaHash,
} from '../../libs/raft/src/state-machine/entries/command-envelope';
import { decodeQuery, encodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';
import {
  decodeSessionOperation,
  encodeSessionOperation,
  type SessionOperation,
  stampSessionTime,
} from '../../libs/raft/src/state-machine/entries/session-entry';
import { decodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import { GoldenFile } from './golden-file';

const NOW_MS = 1_700_000_000_000;
const CALL: CommandCall = { machine: 'raft.counters', command: 'add', args: ['visits', 5] };
const SESSION = { clientId: '1.abc', sequence: 2, ackedThrough: 1 };

function stamped(command: Uint8Array): Uint8Array {
  stampCommandTime(command, NOW_MS);
  return command;
}

describe('The data of entries', () => {
  const file = new GoldenFile(
    'entries.hex',
    'The data of entries: commands, sessions, clock and cluster version; and a query.',
  );

  it.each<[string, CommandCall]>([
    ['command', CALL],
    ['command with a session', { ...CALL, session: SESSION }],
    ['command with a key', { ...CALL, idempotencyKey: 'order-7' }],
  ])('%s: written and read as it was', (part, call) => {
    file.expectBytes(part, stamped(encodeCommand(call)));
    expect(decodeCommand(file.bytes(part))).toMatchObject({ ...call, timeMs: NOW_MS, isRelayed: false });
  });

  it('keeps the fingerprint of a command with a key', () => {
    const { fingerprint } = decodeCommand(file.bytes('command with a key'));
    file.expectBytes('fingerprint of the command with a key', Buffer.from(fingerprint!, 'utf8'));
  });

  it('command that a node sent on: written and read as it was', () => {
    file.expectBytes('command that a node sent on', stamped(relayedCommand(encodeCommand(CALL), SESSION)!));
    const read = decodeCommand(file.bytes('command that a node sent on'));
    expect(read).toMatchObject({ ...CALL, session: SESSION, timeMs: NOW_MS, isRelayed: true });
  });

  it('command on tables: written and read as it was', () => {
    file.expectBytes('command on tables', withSchemaHash(stamped(encodeCommand(CALL)), '0123456789abcdef'));
    const read = decodeCommand(file.bytes('command on tables'));
    expect(read).toMatchObject({ ...CALL, timeMs: NOW_MS, schemaHash: '0123456789abcdef' });
  });

  it.each<SessionOperation>([
    { kind: 'open', ttlMs: 60_000, nonce: 0xabc },
    { kind: 'keepAlive', clientId: '1.abc', ackedThrough: 3 },
    { kind: 'close', clientId: '1.abc' },
  ])('session, $kind: written and read as it was', (operation) => {
    const part = `session: ${operation.kind}`;
    const data = encodeSessionOperation(operation);
    stampSessionTime(data, NOW_MS);
    file.expectBytes(part, data);
    expect(decodeSessionOperation(file.bytes(part))).toEqual({ timeMs: NOW_MS, operation });
  });

  it('clock and cluster version: written and read as they were', () => {
    file.expectBytes('clock', encodeClock(NOW_MS));
    expect(decodeClock(file.bytes('clock'))).toBe(NOW_MS);
    file.expectBytes('cluster version', Uint8Array.of(2));
    expect(decodeClusterVersion(file.bytes('cluster version'))).toBe(2);
  });

  it('query: written and read as it was', () => {
    const query = { machine: 'raft.counters', query: 'get', args: ['visits'] };
    file.expectBytes('query', encodeQuery(query));
    expect(decodeQuery(file.bytes('query'))).toEqual(query);
  });

  it('leaves no golden part unread', () => expect(file.unheld).toEqual([]));
});

describe('A snapshot of a group with clients', () => {
  const file = new GoldenFile(
    'group-snapshot.hex',
    'A snapshot of a group: sessions with answers, idempotency keys, one machine.',
  );

  const entries: readonly Pick<Entry, 'kind' | 'data'>[] = [
    { kind: 'session', data: opened() },
    {
      kind: 'command',
      data: stamped(encodeCommand({ ...CALL, session: { clientId: '1.abc', sequence: 1, ackedThrough: 0 } })),
    },
    {
      kind: 'command',
      data: stamped(
        encodeCommand({ ...CALL, command: 'set', args: ['visits', 1, 9], session: { ...SESSION, ackedThrough: 0 } }),
      ),
    },
    { kind: 'command', data: stamped(encodeCommand({ ...CALL, idempotencyKey: 'order-7' })) },
    { kind: 'clock', data: encodeClock(NOW_MS + 5) },
  ];

  function opened(): Uint8Array {
    const data = encodeSessionOperation({ kind: 'open', ttlMs: 60_000, nonce: 0xabc });
    stampSessionTime(data, NOW_MS);
    return data;
  }

  async function captured(host: StateMachineHost): Promise<Uint8Array> {
    const source = await host.capture();
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.chunks()) chunks.push(chunk.slice());
    source.release();
    return Buffer.concat(chunks);
  }

  it('is written as it was', async () => {
    const host = new StateMachineHost([new CounterMachine()]);
    for (const [at, { kind, data }] of entries.entries())
      await host.apply([makeEntry(at + 1, 3, { kind, data, schemaVersion: 0 })], () => true);
    file.expectBytes('snapshot', await captured(host));
  });

  it('is read as it was: a command that comes again gets its first answer', async () => {
    const host = new StateMachineHost([new CounterMachine()]);
    await host.restore({ term: 3, index: entries.length }, chunksOf(file.bytes('snapshot')));
    file.expectBytes('snapshot', await captured(host));
    const again = await Promise.all(
      entries.slice(1, 4).map(async ({ kind, data }, at) => {
        const entry = makeEntry(entries.length + 1 + at, 3, { kind, data, schemaVersion: 0 });
        const [outcome] = await host.apply([entry], () => true);
        return outcome!.status === 'applied' ? decodeValue(outcome!.value!) : outcome;
      }),
    );
    expect(again).toEqual([
      5,
      expect.objectContaining({ status: 'rejected', reason: 'CONFLICT', details: { value: 5 }, firstIndex: 3 }),
      10,
    ]);
    const value = await host.query(encodeQuery({ machine: 'raft.counters', query: 'get', args: ['visits'] }));
    expect(value.status === 'applied' && decodeValue(value.value!)).toBe(10);
  });

  it('leaves no golden part unread', () => expect(file.unheld).toEqual([]));
});

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}
