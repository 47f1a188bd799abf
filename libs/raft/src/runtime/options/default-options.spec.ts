import { isRaftError } from '../../errors/raft-error';
import { raftNodeOptions, type RaftNodeSettings } from './default-options';
import { SystemScheduler } from '../base/system-scheduler';
import { timingOf } from './timing';

const parts = { protection: 'private' } as never;
const settings = (more: Partial<RaftNodeSettings> = {}): RaftNodeSettings => ({
  nodeId: 'n1',
  storage: parts,
  transport: parts,
  stateMachine: parts,
  ...more,
});

describe('raftNodeOptions', () => {
  it('fills in the documented defaults', () => {
    const options = raftNodeOptions(settings({ advertise: 'n1:7001' }));
    expect(options).toMatchObject({
      clusterName: 'raft',
      groupId: 'default',
      founders: [{ id: 'n1', peer: 'n1:7001' }],
      electionTimeoutMs: 1000,
      heartbeatIntervalMs: 100,
      requestTimeoutMs: 10_000,
      shutdownTimeoutMs: 5000,
      leaseReads: null,
    });
    expect(options.limits).toMatchObject({ maxCommandBytes: 4 * 1024 * 1024, maxPendingRequests: 10_000 });
    expect(options.scheduler).toBeInstanceOf(SystemScheduler);
  });

  it('takes the address from the founders, and keeps the limits that are not given', () => {
    const options = raftNodeOptions(
      settings({
        founders: [
          { id: 'n0', peer: 'n0:7001' },
          { id: 'n1', peer: '[::1]:7002' },
        ],
        limits: { maxAppendBytes: 1000, maxCommandBytes: undefined },
      }),
    );
    expect(options.advertise).toBe('[::1]:7002');
    expect(options.limits).toMatchObject({ maxAppendBytes: 1000, maxCommandBytes: 4 * 1024 * 1024 });
  });

  it.each<[Partial<RaftNodeSettings>, RegExp]>([
    [{ nodeId: ' ' }, /^The option nodeId is " ": write the name of this node/],
    [{ groupId: 'My Group' }, /^The option groupId is "My Group": write 1 to 63 characters/],
    [{ advertise: 'n1' }, /^The option advertise is "n1": write host:port/],
    [{ advertise: 'n1:70000' }, /^The option advertise is "n1:70000"/],
    [{ founders: [] }, /^The option founders is \[\]: name at least this node/],
    [
      {
        advertise: 'a:1',
        founders: [
          { id: 'n1', peer: 'a:1' },
          { id: 'n1', peer: 'b:1' },
        ],
      },
      /^The option founders\[1\]\.id is "n1": each founder needs a name of its own/,
    ],
    [
      {
        founders: [
          { id: 'n1', peer: 'a:1' },
          { id: 'n2', peer: 'a:1' },
        ],
      },
      /^The option founders\[1\]\.peer is "a:1": each founder needs an address of its own/,
    ],
    [
      { founders: [{ id: 'n1', peer: 'a:1', http: 'n1:3000' }] },
      /^The option founders\[0\]\.http is "n1:3000": write an origin/,
    ],
    [{ electionTimeoutMs: Number.NaN }, /^The option electionTimeoutMs is NaN/],
    [
      { heartbeatIntervalMs: 300 },
      /^The option heartbeatIntervalMs is 300: write at most a fifth of electionTimeoutMs \(1000\)/,
    ],
    [{ heartbeatIntervalMs: 1 }, /^The option heartbeatIntervalMs is 1: write 5 or more/],
    [{ leaseReads: { driftMargin: 1 } }, /^The option leaseReads\.driftMargin is 1: write a share from 0\.5 to 0\.95/],
    [{ limits: { maxAppendBytes: 0 } }, /^The option limits\.maxAppendBytes is 0: write a whole number above 0/],
  ])('refuses %j in a sentence with the option, its value and the remedy', (more, sentence) => {
    let thrown: unknown;
    try {
      raftNodeOptions(settings(more));
    } catch (error) {
      thrown = error;
    }
    expect(isRaftError(thrown) && thrown.code).toBe('RAFT_CONFIGURATION');
    expect((thrown as Error).message).toMatch(sentence);
  });

  it.each<[Partial<RaftNodeSettings>, RegExp]>([
    [
      { advertise: 'n1:7001' },
      /^The option founders\[0\]\.peer is "n1:7001": this isn't certainly this machine.*Set peers/,
    ],
    [
      { founders: [{ id: 'n1', peer: '[::1]:1' }], advertise: '0.0.0.0:7001' },
      /^The option advertise is "0\.0\.0\.0:7001"/,
    ],
    [{ join: ['localhost:7001', '10.0.0.1:7001'] }, /^The option join\[1\] is "10\.0\.0\.1:7001"/],
  ])('refuses %j where the transport admits everybody who reaches it', (more, sentence) => {
    for (const protection of ['none', undefined] as const)
      expect(() => raftNodeOptions(settings({ ...more, transport: { protection } as never }))).toThrow(sentence);
    for (const protection of ['secret', 'tls', 'tls+secret', 'private', 'insecure'] as const)
      expect(() => raftNodeOptions(settings({ ...more, transport: { protection } as never }))).not.toThrow();
  });

  it('draws election time-outs over at least ten ticks, whatever is allowed', () => {
    for (const [heartbeatIntervalMs, electionTimeoutMs] of [
      [100, 1000],
      [5, 25],
      [1000, 5000],
    ] as const) {
      const { tickMs, heartbeatTicks, electionTicks } = timingOf(
        raftNodeOptions(settings({ heartbeatIntervalMs, electionTimeoutMs })),
      );
      expect(tickMs).toBeLessThanOrEqual(20);
      expect(heartbeatTicks).toBeGreaterThanOrEqual(5);
      expect(electionTicks).toBeGreaterThanOrEqual(10);
      expect(heartbeatTicks * tickMs).toBeCloseTo(heartbeatIntervalMs);
    }
  });
});
