import { initialConfiguration } from '../../core/membership/membership';
import { RaftError } from '../../errors/raft-error';
import { SeededRandom } from '../../core/base/random';
import type { RaftStorage } from '../../storage/contract';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import type { PeerCalls } from '../peers/peer-calls';
import { encodeOffer, SNAPSHOT_CHUNK } from './snapshot-calls';
import { SnapshotFetcher } from './snapshot-fetcher';

const CHUNKS = 3;
const ONE_MEMBER = initialConfiguration([{ name: 'n2', peer: 'n2:7001', http: '', incarnation: 'a' }]);

/** A member that may have a snapshot. */
interface Holder {
  readonly id: number;
  /** The entry that its snapshot is of; 0 for none. */
  index: number;
  isConnected: boolean;
  isGone: boolean;
  asked: number;
  /** What each of its chunks consists of. */
  content: number;
}

function setUp(...indexes: number[]) {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const holders = indexes.map((index, at): Holder => ({
    id: at + 2,
    index,
    isConnected: true,
    isGone: false,
    asked: 0,
    content: 0,
  }));
  const at = (address: string): Holder => holders.find(({ id }) => address === `n${id}`)!;
  const offerOf = ({ index }: Holder): Uint8Array =>
    index === 0
      ? new Uint8Array(0)
      : encodeOffer({
          metadata: { last: { index, term: 1 }, configuration: { index: 0, configuration: ONE_MEMBER }, format: 1 },
          chunkCount: CHUNKS,
          sizeBytes: CHUNKS,
        });
  const installed: number[] = [];
  const warnings: string[] = [];
  /** Called with each chunk that is asked for, before it is answered. */
  let onChunk = (_holder: Holder): void => undefined;
  let chunkMs = 0;
  const call = async (address: string, method: string): Promise<Uint8Array> => {
    const holder = at(address);
    if (method === SNAPSHOT_CHUNK) onChunk(holder);
    if (method === SNAPSHOT_CHUNK && holder.isConnected && chunkMs > 0)
      await new Promise<void>((resolve) => void scheduler.setTimer(chunkMs, resolve));
    if (!holder.isConnected) throw new RaftError('RAFT_TIMEOUT', 'it is not connected');
    if (method !== SNAPSHOT_CHUNK) return offerOf(holder);
    if (holder.isGone) throw new RaftError('RAFT_TIMEOUT', 'no answer');
    if (holder.index !== fetched) throw new RaftError('RAFT_CONFLICT', 'no such snapshot');
    holder.asked++;
    return Uint8Array.of(holder.content);
  };
  const fetched = indexes.find((index) => index > 0)!;
  const fetcher = new SnapshotFetcher({
    storage: {
      async writeSnapshot(_group, _metadata, chunks) {
        for await (const _chunk of chunks) continue;
      },
    } as Pick<RaftStorage, 'writeSnapshot'> as RaftStorage,
    groupId: 'default',
    scheduler,
    logger: {
      debug: () => undefined,
      log: () => undefined,
      warn: (line) => warnings.push(line),
      error: () => undefined,
    },
    routes: {
      stateOf: (address: string) => ({ state: at(address).isConnected ? 'connected' : 'closed', detail: '' }),
    },
    calls: { call } as Pick<PeerCalls, 'call'> as PeerCalls,
    callTimeoutMs: 1000,
    sources: () =>
      holders.filter(({ isConnected }) => isConnected).map(({ id }) => ({ id, address: `n${id}`, name: `n${id}` })),
    isGone: (source) => at(`n${source}`).isGone,
    install: async ({ last }) => void installed.push(last.index),
  });
  const pass = async (ms: number): Promise<void> => {
    const untilMs = time.nowMs + ms;
    do await new Promise((resolve) => setImmediate(resolve));
    while (time.runNext(untilMs));
  };
  const start = (): void => fetcher.wanted({ leader: 2, required: { index: 1, term: 1 } });
  return {
    fetcher,
    holders,
    installed,
    warnings,
    pass,
    start,
    beforeChunk: (react: (holder: Holder) => void) => (onChunk = react),
    chunksTake: (ms: number) => (chunkMs = ms),
  };
}

describe('a node that fetches a snapshot', () => {
  it('asks one member for it, chunk by chunk, and installs it', async () => {
    const { installed, holders, pass, start } = setUp(7, 7);
    start();
    await pass(1000);
    expect(installed).toEqual([7]);
    expect(holders.map(({ asked }) => asked)).toEqual([CHUNKS, 0]);
  });

  it('waits for the member that has it while that is away, and goes on where it broke off', async () => {
    const { fetcher, installed, holders, pass, start, beforeChunk } = setUp(7, 0);
    beforeChunk((holder) => (holder.isConnected = holder.asked === 0));
    start();
    await pass(29_000);
    expect(installed).toEqual([]);
    expect(fetcher.status).toMatchObject({ stage: 'fetching', source: 'n2', receivedBytes: 1 });
    beforeChunk(() => undefined);
    holders[0]!.isConnected = true;
    await pass(1000);
    expect(installed).toEqual([7]);
    expect(holders[0]!.asked).toBe(CHUNKS);
  });

  it('waits for a member that is away no longer than to begin anew would cost', async () => {
    const { fetcher, warnings, pass, start, beforeChunk } = setUp(7, 0);
    beforeChunk((holder) => (holder.isConnected = holder.asked === 0));
    start();
    await pass(31_000);
    expect(fetcher.status).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('no member has the snapshot of entry 7 now')]);
  });

  it('waits longer where more has come by then', async () => {
    const { fetcher, holders, pass, start, beforeChunk, chunksTake } = setUp(7, 0);
    chunksTake(40_000);
    let requests = 0;
    beforeChunk((holder) => (holder.isConnected = ++requests <= 2));
    start();
    await pass(40_000 + 35_000);
    expect(fetcher.status).toMatchObject({ stage: 'fetching', receivedBytes: 1 });
    expect(holders[0]!.isConnected).toBe(false);
    await pass(7000);
    expect(fetcher.status).toBeNull();
  });

  it('gives a member up at once in whose place another store answers, so that another snapshot can be fetched', async () => {
    const { fetcher, installed, warnings, holders, pass, start, beforeChunk } = setUp(7, 9);
    beforeChunk((holder) => (holder.isGone = holder.asked > 0));
    start();
    await pass(1000);
    expect(fetcher.status).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('no member has the snapshot of entry 7 now')]);
    expect(installed).toEqual([]);
    expect(holders[1]!.asked).toBe(0);
  });

  it('gives a member up at once that says that it has this one no more', async () => {
    const { fetcher, warnings, pass, start, beforeChunk } = setUp(7, 0);
    beforeChunk((holder) => (holder.index = holder.asked > 0 ? 20 : 7));
    start();
    await pass(1000);
    expect(fetcher.status).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('no member has the snapshot of entry 7 now')]);
  });

  it('goes on with another member that has the very same one', async () => {
    const { installed, holders, pass, start, beforeChunk } = setUp(7, 7);
    beforeChunk((holder) => (holder.isGone = holder.id === 2 && holder.asked > 0));
    start();
    await pass(1000);
    expect(installed).toEqual([7]);
    // The one that came last is asked for again, to be compared.
    expect(holders.map(({ asked }) => asked)).toEqual([1, CHUNKS]);
  });

  it('begins again where the other member’s snapshot of that entry has other bytes', async () => {
    const { fetcher, installed, warnings, holders, pass, start, beforeChunk } = setUp(7, 7);
    holders[1]!.content = 1;
    beforeChunk((holder) => (holder.isGone = holder.id === 2 && holder.asked > 0));
    start();
    await pass(1000);
    expect([installed, fetcher.status]).toEqual([[], null]);
    expect(warnings).toEqual([expect.stringContaining('no member has the snapshot of entry 7 now')]);
    start();
    await pass(1000);
    expect(installed).toEqual([7]);
  });
});
