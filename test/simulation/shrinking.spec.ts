import { shrink, simulate, tell, type SeedResult } from 'nestjs-raft/testing';
import { RaftLog } from '../../libs/raft/src/core/log/log';

/** What a shrinking costs is bounded in simulated time and in runs: the machine may be slow. */
const SOON_MS = 12_000;
const MOST_RUNS = 60;

/** The first seed that fails soon. */
async function failingSeed(from: number): Promise<SeedResult> {
  for (let seed = from; seed < from + 20; seed++) {
    const result = await simulate(seed);
    if (result.violation !== undefined && result.simulatedMs < SOON_MS) return result;
  }
  throw new Error('no seed fails: nothing is broken');
}

describe('a failing seed', () => {
  afterEach(() => jest.restoreAllMocks());

  it('runs by its own script as it ran by itself', async () => {
    const first = await simulate(4);
    const again = await simulate(4, { script: first.script });
    const faults = ({ script }: SeedResult) => script.faults.map(({ number }) => number);
    expect(faults(first).length).toBeGreaterThan(5);
    expect(faults(again)).toEqual(faults(first));
    expect(again.script.calls).toHaveLength(first.calls);
    expect(again.violation).toBeUndefined();
  }, 600_000);

  it('shrinks to a short story that is drawn: voters that compare no logs elect who lacks what was committed', async () => {
    jest.spyOn(RaftLog.prototype, 'isUpToDate').mockReturnValue(true);
    const failing = await failingSeed(2);

    const { result, script, runs } = await shrink(failing, { mostRuns: MOST_RUNS });
    expect(result.violation?.rule).toBe(failing.violation?.rule);
    expect(script.faults.length).toBeLessThanOrEqual(5);
    expect(script.calls.length).toBeLessThanOrEqual(5);
    expect(runs).toBeLessThanOrEqual(MOST_RUNS);
    // Nothing is waited for that comes long after the failure.
    expect(script.healAtMs).toBeLessThan(SOON_MS + 5_000);

    const story = (await tell(failing.seed, script)).split('\n');
    expect(story.length).toBeLessThan(130);
    expect(story[0]).toMatch(/^ +s {2}n1 +n2 +n3/);
    const has = (pattern: RegExp) => expect(story.some((line) => pattern.test(line))).toBe(true);
    has(/[├┤─►◄┼]+.* requestVoteReply term \d+, granted|[├┤─►◄┼]+.* preVoteReply term \d+, granted/);
    has(/▪.* durable: batch \d+, commit \d+, .*term \d+, vote \d/);
    has(/●.* candidate in term \d+/);
    expect((await simulate(failing.seed, { script })).violation?.message).toBe(result.violation?.message);
  }, 600_000);
});
