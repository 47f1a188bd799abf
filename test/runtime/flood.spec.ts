import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRaftError, MemoryStorage, RaftNode, raftNodeOptions, tcpTransport } from 'nestjs-raft';
import { freePorts } from '../support/free-ports';
import { eventually } from '../support/eventually';
import { GatedStorage } from './gated-storage';
import { LedgerMachine } from './ledger-machine';
import { add } from './virtual-cluster';

jest.setTimeout(300_000);

const MEBIBYTE = 1024 * 1024;
const COMMAND_BYTES = 64 * 1024;
const FLOOD_BYTES = 256 * MEBIBYTE;
const LIMITS = { maxUncommittedBytes: 4 * MEBIBYTE, maxUnappliedBytes: 4 * MEBIBYTE, maxPendingBytes: 8 * MEBIBYTE };
/** Three nodes live in this process, and what is refused is garbage for a while. The flood is several times that. */
const ALLOWED_BYTES = 96 * MEBIBYTE;

const quiet = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: () => undefined };

describe('safety 18: a flood of calls over TCP, faster than the stores of the followers', () => {
  const nodes: { readonly raft: RaftNode; readonly storage: GatedStorage; readonly machine: LedgerMachine }[] = [];

  beforeAll(async () => {
    const ports = await freePorts(3);
    const founders = ports.map((port, at) => ({ id: `n${at + 1}`, peer: `127.0.0.1:${port}` }));
    for (const { id, peer } of founders) {
      const storage = new GatedStorage(new MemoryStorage());
      const machine = new LedgerMachine();
      const transport = tcpTransport({ listen: peer, logger: quiet });
      const raft = new RaftNode(
        raftNodeOptions({
          nodeId: id,
          clusterName: 'flooded',
          founders,
          advertise: peer,
          storage,
          transport,
          stateMachine: machine,
          logger: quiet,
          limits: LIMITS,
          electionTimeoutMs: 5000,
        }),
      );
      nodes.push({ raft, storage, machine });
    }
    await Promise.all(nodes.map(({ raft }) => raft.start()));
  });
  afterAll(async () => {
    for (const { storage } of nodes) storage.openAll();
    await Promise.all(nodes.map(({ raft }) => raft.stop()));
  });

  it.each(['the leader', 'a follower'])('through %s is refused in time: memory stays bounded', async (through) => {
    const leader = await eventually('a leader', () =>
      nodes.every(({ raft }) => raft.status().leader !== null)
        ? nodes.find(({ raft }) => raft.status().isLeader)
        : undefined,
    );
    const followers = nodes.filter((node) => node !== leader);
    const flooded = through === 'the leader' ? leader : followers[0]!;
    for (const { storage } of followers) storage.hold('persist');
    const text = randomBytes(COMMAND_BYTES / 2).toString('hex');
    const before = process.memoryUsage().arrayBuffers;
    const codes = new Map<string, number>();
    const calls: Promise<void>[] = [];
    let most = 0;
    for (let sent = 0; sent < FLOOD_BYTES; sent += COMMAND_BYTES) {
      const call = flooded.raft.propose(add(text), { timeoutMs: 60_000 }).then(
        () => undefined,
        (error: unknown) => {
          const code = isRaftError(error) ? error.code : String(error);
          codes.set(code, (codes.get(code) ?? 0) + 1);
        },
      );
      calls.push(call);
      if (calls.length % 32 === 0) await sleep(1);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      expect(leader.raft.status().queues.uncommittedBytes).toBeLessThanOrEqual(LIMITS.maxUncommittedBytes);
    }
    expect(codes.get('RAFT_BUSY')).toBeGreaterThan((0.8 * FLOOD_BYTES) / COMMAND_BYTES);
    expect(most).toBeLessThan(ALLOWED_BYTES);

    for (const { storage } of followers) storage.release('persist');
    await Promise.all(calls);
    expect([...codes.keys()]).toEqual(['RAFT_BUSY']);
    const accepted = calls.length - codes.get('RAFT_BUSY')!;
    expect(accepted).toBeGreaterThan(8);
    leader.machine.lines.length = 0;
  });
});
