import { JobMachine } from '../../libs/raft/src/nest/jobs/machine/job.machine';
import type { Claim, JobRecord, RunRecord } from '../../libs/raft/src/nest/jobs/machine/job-record';
import { MachineLog } from '../primitives/machine-log';

const TERM = 3;
const HOUR_MS = 3_600_000;

describe('the machine of leader jobs', () => {
  let log: MachineLog;
  const ask = (nowMs: number, term = TERM) => ({ name: 'job', term, nowMs });
  const claim = (scheduledMs: number, nowMs = scheduledMs, term = TERM, atLeastOnce = false) =>
    log.at<Claim | null>(1, 'claim', { ...ask(nowMs, term), node: 'n1', scheduledMs, atLeastOnce, skipped: [] });
  const finish = (token: number) =>
    log.at<boolean>(1, 'finish', 'job', token, { outcome: 'completed', durationMs: 5, error: null });
  const runs = () => log.ask<readonly RunRecord[]>('history', 'job', 100);
  beforeEach(async () => {
    log = new MachineLog('raft.jobs', new JobMachine());
    await log.at(1, 'announce', { term: TERM, nowMs: 1_000 }, [{ name: 'job', schedule: 'interval 1000 ms' }]);
  });

  it('gives out a scheduled time once, and only forward', async () => {
    const first = await claim(2_000);
    expect(first).toMatchObject({ scheduledMs: 2_000, attempt: 1, token: 2 });
    expect(await claim(3_000)).toBeNull();
    expect(await finish(first!.token)).toBe(true);
    expect(await claim(2_000)).toBeNull();
    expect(await claim(1_000)).toBeNull();
    expect(await claim(3_000)).toMatchObject({ scheduledMs: 3_000, token: 7 });
  });

  it('refuses whoever does not lead in the term of the log', async () => {
    await expect(claim(2_000, 2_000, TERM - 1)).rejects.toMatchObject({
      reason: 'NOT_LEADING',
      details: { term: TERM },
    });
    await expect(log.at(1, 'skip', { ...ask(2_000, TERM - 1), skipped: [] })).rejects.toThrow('NOT_LEADING');
    await expect(log.at(1, 'takeOver', { ...ask(2_000, TERM - 1), token: 1 })).rejects.toThrow('NOT_LEADING');
    await expect(log.at(1, 'announce', { term: TERM - 1, nowMs: 1 }, [])).rejects.toThrow('NOT_LEADING');
    expect(await runs()).toEqual([]);
  });

  it('takes no run of the same term over, nor under another token', async () => {
    const { token } = (await claim(2_000))!;
    expect(await log.at(1, 'takeOver', { ...ask(2_500), token })).toBe(false);
    expect(await log.at(1, 'takeOver', { ...ask(2_500), token: token - 1 })).toBe(false);
    expect((await runs())[0]!.outcome).toBe('running');
  });

  it('keeps the first end of a run', async () => {
    const { token } = (await claim(2_000))!;
    expect(await finish(token)).toBe(true);
    const late = { outcome: 'failed', durationMs: 9, error: 'late' };
    expect(await log.at(1, 'finish', 'job', token, late)).toBe(false);
    expect(await runs()).toMatchObject([{ outcome: 'completed', durationMs: 5 }]);
  });

  it('forgets no more of a long error than it must', async () => {
    const { token } = (await claim(2_000))!;
    await log.at(1, 'finish', 'job', token, { outcome: 'failed', durationMs: 1, error: 'x'.repeat(5_000) });
    expect((await runs())[0]!.error).toHaveLength(1_000);
  });

  it('begins a changed schedule at the present, and another announcement of the same changes nothing', async () => {
    const decided = async () => (await log.ask<JobRecord>('stateOf', 'job')).decidedMs;
    await log.at(1, 'announce', { term: TERM, nowMs: 9_000 }, [{ name: 'job', schedule: 'interval 1000 ms' }]);
    expect(await decided()).toBe(1_000);
    await log.at(1, 'announce', { term: TERM, nowMs: 9_000 }, [{ name: 'job', schedule: 'interval 500 ms' }]);
    expect(await decided()).toBe(9_000);
    await log.at(1, 'announce', { term: TERM, nowMs: 8_000 }, [{ name: 'job', schedule: 'interval 1000 ms' }]);
    expect(await decided()).toBe(9_000);
  });

  it('goes on from the present behind a pause where a clock that was wrong had run it far ahead, and only there', async () => {
    const ahead = (await claim(9 * HOUR_MS))!;
    await finish(ahead.token);
    await log.at(1, 'pause', 'job');
    await log.at(1, 'resume', 'job', 9 * HOUR_MS - 60_000);
    expect(await claim(9 * HOUR_MS - 30_000)).toBeNull();

    await log.at(1, 'pause', 'job');
    expect(await claim(10 * HOUR_MS)).toBeNull();
    await log.at(1, 'resume', 'job', HOUR_MS);
    expect(await claim(HOUR_MS)).toBeNull();
    expect(await claim(HOUR_MS + 1_000)).toMatchObject({ scheduledMs: HOUR_MS + 1_000 });
  });

  it('goes on from a snapshot as it was', async () => {
    const { token } = (await claim(2_000, 2_000, TERM, true))!;
    await log.at(1, 'request', 'job', 2_345);
    const before = await log.ask('list');

    log = await log.copy(new JobMachine());

    expect(await log.ask('list')).toEqual(before);
    expect(await log.ask('stateOf', 'job')).toMatchObject({
      decidedMs: 2_000,
      running: { token, atLeastOnce: true },
      waiting: [{ scheduledMs: 2_345, trigger: 'manual' }],
    });
    expect(await finish(token)).toBe(true);
    expect(await claim(2_345)).toMatchObject({ trigger: 'manual' });
  });
});
