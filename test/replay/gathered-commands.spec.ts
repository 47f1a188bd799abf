import { makeEntry, type Entry } from '../../libs/raft/src/core/base/entry';
import { crc32c } from '../../libs/raft/src/core/base/checksum';
import { encodeClock } from '../../libs/raft/src/state-machine/entries/clock-entry';
import { KEY_TTL_MS } from '../../libs/raft/src/state-machine/entries/client-limits';
import {
  type CommandCall,
  encodeCommand,
  stampCommandTime,
} from '../../libs/raft/src/state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../libs/raft/src/state-machine/contract';
import {
  encodeSessionOperation,
  type SessionOperation,
  stampSessionTime,
} from '../../libs/raft/src/state-machine/entries/session-entry';
import { StateAheadError } from '../../libs/raft/src/state-machine/host/host-errors';
import { DIGEST_EVERY } from '../../libs/raft/src/state-machine/host/digests';
import type { StateMachineHost } from '../../libs/raft/src/state-machine';
import { MemoryDatabase } from '../../libs/raft/src/testing/memory-rows';
import { contentOf, hostOn } from './group-subject';

const NONCE = 0xabc;
const FIRST = `1.${NONCE.toString(16)}`;
const ALL = (): boolean => true;

/** Writes a log whose first entry opens a session for one second. */
class Log {
  readonly entries: Entry[] = [];

  constructor() {
    this.operate(1000, { kind: 'open', ttlMs: 1000, nonce: NONCE });
  }

  operate(timeMs: number, operation: SessionOperation): this {
    const data = encodeSessionOperation(operation);
    stampSessionTime(data, timeMs);
    return this.add('session', data);
  }

  clock(timeMs: number): this {
    return this.add('clock', encodeClock(timeMs));
  }

  call(timeMs: number, machine: string, options: Partial<CommandCall> = {}): this {
    const data = encodeCommand({ machine, command: 'put', args: ['a'], ...options });
    stampCommandTime(data, timeMs);
    return this.add('command', data);
  }

  inSession(timeMs: number, machine: string, sequence: number, ackedThrough = 0, clientId = FIRST): this {
    return this.call(timeMs, machine, { session: { clientId, sequence, ackedThrough } });
  }

  private add(kind: Entry['kind'], data: Uint8Array): this {
    this.entries.push(makeEntry(this.entries.length + 1, 2, { kind, schemaVersion: 0, data }));
    return this;
  }
}

/** One node that got the log entry by entry, and one that got it in one slice. */
async function bothWays(log: Log) {
  const told: { single: string[]; together: string[] } = { single: [], together: [] };
  const single = hostOn(undefined, { told: (event) => told.single.push(event) });
  const together = hostOn(undefined, { told: (event) => told.together.push(event) });
  const outcomes: CommandOutcome[] = [];
  for (const entry of log.entries) outcomes.push(...(await single.apply([entry], ALL)));
  const atOnce = await together.apply(log.entries, ALL);
  return { single, together, outcomes, atOnce, told };
}

async function expectSame(log: Log): Promise<readonly CommandOutcome[]> {
  const { single, together, outcomes, atOnce, told } = await bothWays(log);
  expect(atOnce.map(inShort)).toEqual(outcomes.map(inShort));
  expect(await contentOf(together)).toBe(await contentOf(single));
  expect(told.together).toEqual(told.single);
  return outcomes;
}

/** Jest compares bytes one by one. */
function inShort(outcome: CommandOutcome): unknown {
  if (outcome.status !== 'applied' || outcome.value === undefined) return outcome;
  return { ...outcome, value: `${outcome.value.length} bytes, ${crc32c(0, outcome.value)}` };
}

describe('rule 26: what a command of a database answers is kept at its own place in the log', () => {
  it('though its session expires by a later entry of the same slice', async () => {
    const outcomes = await expectSame(new Log().inSession(1100, 'ledger', 1).clock(3600));

    expect(outcomes[1]).toMatchObject({ status: 'applied', value: expect.any(Uint8Array) as Uint8Array });
  });

  it('though its session is closed by a later entry of the same slice', async () => {
    await expectSame(new Log().inSession(1100, 'ledger', 1).operate(1200, { kind: 'close', clientId: FIRST }));
  });

  it('though later commands and renewals say that the client has the answer', async () => {
    await expectSame(
      new Log()
        .inSession(1100, 'ledger', 1)
        .inSession(1100, 'ledger', 2)
        .inSession(1200, 'ledger', 3, 1)
        .operate(1300, { kind: 'keepAlive', clientId: FIRST, ackedThrough: 2 }),
    );
  });

  it('in the order of the log, among those of machines in memory', async () => {
    await expectSame(
      new Log()
        .inSession(1100, 'ledger', 1)
        .inSession(1100, 'notes', 2)
        .call(1100, 'archive', { idempotencyKey: 'first' })
        .call(1100, 'notes', { idempotencyKey: 'second' })
        .inSession(1100, 'archive', 3),
    );
  });

  it('and a key ends by the time of its own command', async () => {
    await expectSame(
      new Log()
        .call(1000, 'ledger', { idempotencyKey: 'k' })
        .clock(200_000)
        .clock(KEY_TTL_MS + 120_000)
        .call(KEY_TTL_MS + 120_000, 'ledger', { idempotencyKey: 'k' }),
    );
  });

  it.each(['ledger', 'notes'])(
    'and a repetition in the same slice gets it, also by a machine of another kind (%s)',
    async (other) => {
      const outcomes = await expectSame(
        new Log().inSession(1100, 'ledger', 1).inSession(1150, other, 1).call(1150, 'notes', { idempotencyKey: 'k' }),
      );

      expect(outcomes[2]).toMatchObject({ status: 'applied', firstIndex: 2 });
    },
  );

  it('and bounds are judged by what is kept there, whatever of it is still to come', async () => {
    const log = new Log();
    const large = { command: 'large', args: [100_000] };
    for (let sequence = 1; sequence <= 175; sequence++)
      log.call(1000, sequence % 40 === 0 ? 'notes' : 'ledger', {
        ...large,
        session: { clientId: FIRST, sequence, ackedThrough: 0 },
      });
    const outcomes = await expectSame(log);

    expect(outcomes.filter(({ status }) => status === 'busy').length).toBeGreaterThan(3);
  });
});

describe('rule 26: a state that came further than the replay', () => {
  /** A node whose snapshot is of the entry before last, and whose database has the last one. */
  async function restarted(log: Log, snapshotAt: number): Promise<StateMachineHost> {
    const databases = [new MemoryDatabase(), new MemoryDatabase()] as const;
    const first = hostOn(databases);
    await first.apply(log.entries.slice(0, snapshotAt), ALL);
    const chunks = await read(first);
    await first.apply(log.entries.slice(snapshotAt), ALL);
    await first.close();
    const host = hostOn(databases);
    await host.restore({ term: 2, index: snapshotAt }, chunksOf(chunks));
    return host;
  }

  it('is captured only when the replay has got there: a snapshot of it would apply commands twice', async () => {
    const log = new Log().call(1000, 'ledger').clock(1100).call(1200, 'ledger');
    const host = await restarted(log, 2);
    expect(await host.appliedElsewhere()).toBe(4);

    await host.apply(log.entries.slice(2, 3), ALL);
    await expect(host.capture()).rejects.toThrow(StateAheadError);

    await host.apply(log.entries.slice(3), ALL);
    const { single } = await bothWays(log);
    expect(await contentOf(host)).toBe(await contentOf(single));
  });

  it('is compared with no other node’s where a digest is due meanwhile', async () => {
    const log = new Log();
    while (log.entries.length < DIGEST_EVERY) log.clock(1100);
    log.call(1200, 'ledger');
    const host = await restarted(log, DIGEST_EVERY - 2);

    await host.apply(log.entries.slice(DIGEST_EVERY - 2), ALL);

    expect(host.digest(DIGEST_EVERY)).toBeUndefined();
    const other = hostOn();
    await other.apply(log.entries, ALL);
    expect(other.digest(DIGEST_EVERY)).toBeDefined();
  });
});

describe('rule 26: who waits doesn’t show', () => {
  it.each(['notes', 'ledger'])(
    'a result of %s that can’t be sent is the same command in every digest',
    async (machine) => {
      const log = new Log();
      while (log.entries.length < DIGEST_EVERY - 1) log.clock(1100);
      const at = log.entries.length - 3;
      log.entries.splice(at);
      log.call(1200, machine, { command: 'unsendable' });
      while (log.entries.length < DIGEST_EVERY) log.clock(1300);
      const [waited, unwanted] = [hostOn(), hostOn()];

      const [outcome] = (await waited.apply(log.entries, ALL)).slice(at);
      await unwanted.apply(log.entries, () => false);

      expect(outcome).toMatchObject({ status: 'failed', isApplied: true });
      expect(waited.digest(DIGEST_EVERY)).toEqual(unwanted.digest(DIGEST_EVERY));
    },
  );
});

async function read(host: StateMachineHost): Promise<Uint8Array[]> {
  const source = await host.capture();
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) chunks.push(chunk);
  source.release();
  return chunks;
}

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}
