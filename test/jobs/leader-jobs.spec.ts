import type { RaftJobRun } from 'nestjs-raft';
import { IntervalSchedule } from '../../libs/raft/src/nest/jobs/schedule/job-schedule';
import { JOB, heeding, JobCluster, type JobSettings, lasting, type SeenRun } from './job-cluster';

/** That no scheduled time was begun twice, that tokens grow with time, and that no run began before the one before had ended. */
function expectOneAtATime(seen: readonly SeenRun[]): void {
  const times = seen.map(({ scheduledAt, trigger, attempt }) => `${trigger} ${scheduledAt.toISOString()} ${attempt}`);
  expect(times).toEqual([...new Set(times)]);
  for (const [at, run] of seen.entries()) {
    const before = seen[at - 1];
    if (before === undefined) continue;
    expect(run.token).toBeGreaterThan(before.token);
    expect(before.endedMs).toBeLessThanOrEqual(run.beganMs);
  }
}

describe('leader jobs of a cluster', () => {
  let cluster: JobCluster;
  const start = async (settings?: JobSettings): Promise<void> => {
    cluster = await JobCluster.start(settings);
  };
  const history = (): Promise<readonly RaftJobRun[]> => cluster.ends(cluster.leader.service.history(JOB));
  const outcomes = async (): Promise<string[]> =>
    (await history()).map(({ outcome, reason }) => (reason === null ? outcome : `${outcome}: ${reason}`));
  /** Until a run goes on, on the leader. */
  const running = (): Promise<void> =>
    cluster.cluster.until(() => cluster.seen.some(({ endedMs }) => endedMs === undefined));
  afterEach(() => cluster.stop());

  it('run on the leader alone, once for each due time, and are recorded with how they ended', async () => {
    await start({ work: lasting(20) });
    const { name } = cluster.leader;

    await cluster.pass(5_500);

    expect(cluster.seen.length).toBeGreaterThanOrEqual(5);
    expectOneAtATime(cluster.seen);
    expect(new Set(cluster.seen.map(({ node }) => node))).toEqual(new Set([name]));
    const runs = await history();
    expect(runs.map(({ scheduledAt }) => scheduledAt.getTime())).toEqual(
      cluster.seen.map(({ scheduledAt }) => scheduledAt.getTime()).toReversed(),
    );
    expect(runs[0]).toMatchObject({ outcome: 'completed', node: name, attempt: 1, trigger: 'schedule', error: null });
    expect(runs[0]?.durationMs).toBeGreaterThanOrEqual(20);
    expect(runs[0]?.token).toBe(cluster.seen.at(-1)?.token);
  });

  it('record what the method throws, log it, and go on with the next due time', async () => {
    await start({
      work: () => {
        throw new Error('no paper');
      },
    });

    await cluster.pass(2_500);

    const [last] = await history();
    expect(last).toMatchObject({ outcome: 'failed', error: 'Error: no paper' });
    expect(cluster.seen.length).toBeGreaterThanOrEqual(2);
    expect(cluster.leader.logged[0]).toMatch(
      /^The job every-second \(Work\.everySecond\) failed, due 2026-01-01T00:.*Z: Error: no paper$/,
    );
  });

  it('at most once: record a run whose leader died as lost, and leave it', async () => {
    await start({ work: lasting(400) });
    await running();
    const [lost] = cluster.seen;
    await cluster.kill(cluster.leader);

    await cluster.cluster.until(() => cluster.seen.length > 1);
    await cluster.pass(5_000);

    expectOneAtATime(cluster.seen);
    const record = (await history()).find(({ token }) => token === lost!.token);
    expect(record).toMatchObject({ outcome: 'lost', node: lost!.node, durationMs: null });
    expect(
      cluster.seen.filter(({ scheduledAt }) => scheduledAt.getTime() === lost!.scheduledAt.getTime()),
    ).toHaveLength(1);
  });

  it('at least once: have the next leader run it again, under a new token', async () => {
    await start({ work: lasting(400), atLeastOnce: true });
    await running();
    const [lost] = cluster.seen;
    await cluster.kill(cluster.leader);

    await cluster.cluster.until(() => cluster.seen.length > 1);

    const again = cluster.seen[1]!;
    expect(again.scheduledAt).toEqual(lost!.scheduledAt);
    expect(again.attempt).toBe(2);
    expect(again.token).toBeGreaterThan(lost!.token);
    expectOneAtATime(cluster.seen);
  });

  it('skip what came due while a run went on, and record that', async () => {
    await start({ work: lasting(2_300) });

    await cluster.pass(7_500);

    expectOneAtATime(cluster.seen);
    expect(await outcomes()).toEqual(expect.arrayContaining(['skipped: overlap', 'completed']));
    const skipped = (await history()).find(({ outcome }) => outcome === 'skipped');
    expect(skipped).toMatchObject({ count: 2, token: null, node: null });
  });

  it('catch up with nothing by default but the latest, where it is a minute late at most', async () => {
    await start({ policy: { catchUp: 'none' } });
    await cluster.pass(2_500);
    const before = cluster.seen.at(-1)!;
    const stopped = cluster.nodes.map(({ name }) => name);
    for (const node of [...cluster.nodes]) await cluster.kill(node);
    await cluster.pass(10_000);
    for (const name of stopped) await cluster.restart(name);
    await cluster.cluster.until(() => cluster.seen.at(-1) !== before);

    const next = cluster.seen.at(-1)!;
    expect(next.scheduledAt.getTime() - before.scheduledAt.getTime()).toBeGreaterThan(9_000);
    const missed = (await history()).find(({ reason }) => reason === 'missed');
    expect(missed?.count).toBe((next.scheduledAt.getTime() - before.scheduledAt.getTime()) / 1_000 - 1);
  });

  it('catch up with each due time in order where they are told to', async () => {
    await start({ policy: { catchUp: 'all' } });
    await cluster.pass(2_500);
    const stopped = cluster.nodes.map(({ name }) => name);
    for (const node of [...cluster.nodes]) await cluster.kill(node);
    await cluster.pass(10_000);
    for (const name of stopped) await cluster.restart(name);
    await cluster.pass(10_000);

    const times = cluster.seen.map(({ scheduledAt }) => scheduledAt.getTime());
    expect(times).toEqual(times.map((_, at) => times[0]! + at * 1_000));
    expect(times.length).toBeGreaterThan(15);
    expectOneAtATime(cluster.seen);
  });

  it('run no scheduled time twice, whatever the clocks of the leaders say', async () => {
    await start({ offsets: [45_000, -45_000, 0], work: lasting(50) });
    for (let round = 0; round < 6; round++) {
      await cluster.pass(2_700);
      const { name } = cluster.leader;
      await cluster.kill(cluster.leader);
      await cluster.cluster.until(() => cluster.leader !== undefined);
      await cluster.restart(name);
    }
    await cluster.pass(3_000);

    expect(new Set(cluster.seen.map(({ node }) => node)).size).toBeGreaterThan(1);
    expect(cluster.seen.length).toBeGreaterThan(8);
    expectOneAtATime(cluster.seen);
  });

  it('hear of the loss of leadership through the signal, and their end is recorded by the next leader', async () => {
    await start({ work: heeding(10_000), gracePeriodMs: 1_000 });
    await running();
    const [cut] = cluster.seen;
    const old = cluster.leader;

    await cluster.ends(old.node.raft.transferLeadership(cluster.followers[0]!.name));
    await cluster.cluster.until(() => cluster.seen.length > 1);

    expect(cut!.signal.aborted).toBe(true);
    expect(cut!.signal.reason).toMatchObject({ code: 'RAFT_NOT_LEADER' });
    expectOneAtATime(cluster.seen);
    const record = (await history()).find(({ token }) => token === cut!.token);
    expect(record).toMatchObject({ outcome: 'aborted', node: old.name, error: null });
  });

  it('are not begun by the next leader while the one before winds up, for as long as it may', async () => {
    const windUp = lasting(500);
    await start({
      schedule: new IntervalSchedule(50),
      gracePeriodMs: 1_000,
      work: (run, node) => heeding(10_000)(run, node).catch(() => windUp(run, node)),
    });
    await running();
    const old = cluster.leader;

    await cluster.ends(old.node.raft.transferLeadership(cluster.followers[0]!.name));
    await cluster.cluster.until(() => cluster.seen.length > 1);

    expect(cluster.seen[1]!.node).not.toBe(old.name);
    expect(cluster.seen[0]!.signal.aborted).toBe(true);
    expectOneAtATime(cluster.seen);
  });

  it('end and are recorded before a node that is being stopped goes', async () => {
    await start({ work: heeding(10_000), atLeastOnce: true });
    await running();
    const [cut] = cluster.seen;

    await cluster.shutDown(cluster.leader);
    await cluster.cluster.until(() => cluster.seen.length > 1);

    expect(cut!.signal.reason).toMatchObject({ code: 'RAFT_SHUTTING_DOWN' });
    expect((await history()).find(({ token }) => token === cut!.token)).toMatchObject({ outcome: 'aborted' });
    expect(cluster.seen[1]).toMatchObject({ scheduledAt: cut!.scheduledAt, attempt: 2 });
    expectOneAtATime(cluster.seen);
  });

  it('record the end of a run that its node tells after it was given up', async () => {
    await start({ work: lasting(8_000), gracePeriodMs: 100 });
    await running();
    const [cut] = cluster.seen;

    await cluster.ends(cluster.leader.node.raft.transferLeadership(cluster.followers[0]!.name));
    await cluster.pass(3_000);
    expect((await history()).find(({ token }) => token === cut!.token)).toMatchObject({ outcome: 'lost' });
    await cluster.pass(8_000);

    expect((await history()).find(({ token }) => token === cut!.token)).toMatchObject({ outcome: 'aborted' });
  });

  it('run once where the answers to their claims and to the records of their ends are lost', async () => {
    await start({ work: lasting(20) });
    const begun = (): number => cluster.seen.length;
    await cluster.pass(1_500);
    for (let round = 0; round < 3; round++) {
      const before = begun();
      cluster.losesAnswers = true;
      await cluster.cluster.until(() => begun() > before);
      await cluster.pass(2_000);
      cluster.losesAnswers = false;
      await cluster.pass(2_000);
    }

    expectOneAtATime(cluster.seen);
    expect(cluster.leader.logged).toEqual([]);
    const tokens = (await history()).filter(({ outcome }) => outcome === 'completed').map(({ token }) => token);
    expect(tokens.toReversed()).toEqual(cluster.seen.map(({ token }) => token));
  });

  it('are fenced by their token where they go on behind a leader that was cut off', async () => {
    const accepted: number[] = [];
    const refused: number[] = [];
    await start({
      work: async (run, node) => {
        await lasting(run.token === cluster.seen[0]!.token ? 15_000 : 20)(run, node);
        // What a store does that keeps the greatest token it has seen.
        (run.token >= Math.max(0, ...accepted) ? accepted : refused).push(run.token);
      },
    });
    await running();
    const [cut] = cluster.seen;
    const old = cluster.leader;
    const others = cluster.followers.map(({ node }) => node.address);
    cluster.cluster.network.partition([old.node.address], others);
    await cluster.pass(12_000);
    expect(accepted.length).toBeGreaterThan(3);
    cluster.cluster.network.heal();
    await cluster.pass(12_000);

    expect(cut!.signal.aborted).toBe(true);
    expect(refused).toEqual([cut!.token]);
    expect(accepted).toEqual(accepted.toSorted((left, right) => left - right));
    const record = (await history()).find(({ token }) => token === cut!.token);
    expect(record).toMatchObject({ outcome: 'aborted', node: old.name });
  });

  it('say once what keeps them from running, where a clock was far ahead', async () => {
    await start();
    await cluster.pass(1_500);
    const { leader } = cluster;
    const { term } = leader.node.raft.status();
    const ahead = { name: JOB, term, node: leader.name, atLeastOnce: false, skipped: [] };
    const nowMs = leader.scheduler.wallMs() + 7_200_000;
    const claim = await cluster.ends(leader.caller.claim({ ...ahead, nowMs, scheduledMs: nowMs }));
    await cluster.ends(leader.caller.finish(JOB, claim!.token, { outcome: 'completed', durationMs: 1, error: null }));
    const { length } = cluster.seen;

    await cluster.pass(180_000);
    expect(cluster.seen).toHaveLength(length);
    expect(leader.logged).toEqual([
      expect.stringMatching(
        /^The job every-second has run up to a due time that is 7\d{3} s ahead of the clock of the node n/,
      ),
    ]);

    await cluster.ends(leader.service.pause(JOB));
    await cluster.ends(leader.service.resume(JOB));
    await cluster.pass(2_500);
    expect(cluster.seen.length).toBeGreaterThan(length);
  });

  it('run on request beside their schedule, asked on any node, and not at the time of another run', async () => {
    await start({ work: lasting(300) });
    await running();
    const [follower] = cluster.followers;

    const askedAt = await cluster.ends(follower!.service.runNow(JOB));
    expect(await cluster.ends(follower!.service.runNow(JOB))).toEqual(askedAt);
    await cluster.cluster.until(() => cluster.seen.some(({ trigger }) => trigger === 'manual'));
    await cluster.pass(2_000);

    const manual = cluster.seen.filter(({ trigger }) => trigger === 'manual');
    expect(manual.map(({ scheduledAt }) => scheduledAt)).toEqual([askedAt]);
    expectOneAtATime(cluster.seen);
  });

  it('can be asked for before the first leader has announced them', async () => {
    await start({ holdsAnnouncements: true, schedule: new IntervalSchedule(3_600_000) });
    const asked = cluster.followers[0]!.service.runNow(JOB);
    await cluster.pass(500);
    expect(await cluster.ends(cluster.leader.caller.list())).toEqual([]);

    cluster.holdsAnnouncements = false;
    await cluster.ends(asked);
    await cluster.cluster.until(() => cluster.seen.length > 0);

    expect(cluster.seen).toMatchObject([{ trigger: 'manual', scheduledAt: await asked }]);
  });

  it('are refused where they are asked for and no leader announces them', async () => {
    await start({ holdsAnnouncements: true });
    await expect(cluster.ends(cluster.leader.service.runNow(JOB))).rejects.toMatchObject({ reason: 'UNKNOWN_JOB' });
  });

  it('are not run by their schedule while they are paused, nor caught up when they go on', async () => {
    await start({ policy: { catchUp: 'all' } });
    await cluster.pass(1_500);
    await cluster.ends(cluster.followers[0]!.service.pause(JOB));
    const { length } = cluster.seen;

    await cluster.pass(5_000);
    expect(cluster.seen).toHaveLength(length);
    expect(await cluster.ends(cluster.leader.service.list())).toMatchObject([
      { name: JOB, paused: true, nextAt: null },
    ]);

    await cluster.ends(cluster.followers[0]!.service.resume(JOB));
    await cluster.pass(2_000);
    expect(cluster.seen.length - length).toBeLessThanOrEqual(2);
    expect(cluster.seen.length).toBeGreaterThan(length);
  });

  it('are listed with their schedule, what was last and what is next', async () => {
    await start();
    await cluster.pass(2_500);

    const [job, ...others] = await cluster.ends(cluster.followers[0]!.service.list());

    expect(others).toEqual([]);
    expect(job).toMatchObject({ name: JOB, schedule: 'interval 1000 ms', paused: false, running: null });
    expect(job!.last).toMatchObject({ outcome: 'completed', scheduledAt: cluster.seen.at(-1)!.scheduledAt });
    expect(job!.nextAt!.getTime()).toBe(job!.last!.scheduledAt.getTime() + 1_000);
  });

  it('are refused by name where no leader has announced them', async () => {
    await start();
    await cluster.pass(1_000);
    await expect(cluster.ends(cluster.leader.service.history('other'))).rejects.toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'UNKNOWN_JOB',
      message: expect.stringContaining("No leader has announced a job with the name 'other'.") as string,
    });
  });

  it('keep their last 100 runs', async () => {
    await start();
    await cluster.pass(110_000);
    const runs = await history();
    expect(runs).toHaveLength(100);
    expect(runs[0]!.scheduledAt).toEqual(cluster.seen.at(-1)!.scheduledAt);
    expect(await cluster.ends(cluster.leader.service.history(JOB, { limit: 3 }))).toEqual(runs.slice(0, 3));
  });
});
