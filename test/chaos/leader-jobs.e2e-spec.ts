import type { RaftJobRun, RaftStatus } from 'nestjs-raft';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppProcess } from '../support/kv/app-process';
import { isLongForm, rounds, timeFor } from '../support/chaos-scale';
import { compileForNode } from '../support/compile-for-node';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';
import { HttpClient } from '../support/http-client';
import type { JobsAppSettings } from '../support/jobs-app';
import { report, testRun } from '../support/test-run';

const AT_MOST = 'at-most-once';
const AT_LEAST = 'at-least-once';
const BETWEEN_KILLS_MS = isLongForm ? 10_000 : 5_000;

/** A line of the file that the nodes share; the test itself writes when it kills a node and when it starts one. */
interface Line {
  readonly what: 'begin' | 'end' | 'kill' | 'start';
  readonly node: string;
  readonly scheduledMs: number;
  readonly token: number;
  readonly attempt: number;
  readonly isAborted: boolean;
}

class JobsNode extends AppProcess {
  constructor(
    readonly settings: JobsAppSettings,
    main: string,
    private readonly http: HttpClient,
  ) {
    super({ logFile: path.join(settings.directory, `${settings.id}.log`), main });
  }

  start(): void {
    this.launch({ JOBS_APP: JSON.stringify(this.settings) });
  }

  async get<T>(where: string): Promise<T> {
    const answer = await this.http.send(`http://127.0.0.1:${this.settings.httpPort}/${where}`, { timeoutMs: 5_000 });
    if (answer.status !== 200) throw new Error(`${where} answered ${answer.status}: ${answer.body}`);
    return JSON.parse(answer.body) as T;
  }
}

describe('leader jobs of three processes whose leaders are killed', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'leader-jobs-'));
  const http = new HttpClient();
  let nodes: JobsNode[] = [];
  let forget: () => void = () => undefined;

  const endNow = (): void => {
    for (const node of nodes) node.killNow();
  };
  const tell = (what: 'kill' | 'start', { settings }: JobsNode): void => {
    for (const job of [AT_MOST, AT_LEAST])
      appendFileSync(path.join(directory, `${job}.log`), `${JSON.stringify({ what, node: settings.id })}\n`);
  };
  const start = (node: JobsNode): void => {
    tell('start', node);
    node.start();
  };
  const linesOf = (job: string): readonly Line[] =>
    readFileSync(path.join(directory, `${job}.log`), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  const begunOf = (job: string): readonly Line[] => linesOf(job).filter(({ what }) => what === 'begin');
  const logs = (): string => nodes.map((node) => node.logText().slice(-3_000)).join('\n---\n');
  const leader = (): Promise<JobsNode> =>
    eventually(
      'a leader',
      async () => {
        for (const node of nodes) {
          if (!node.isRunning) continue;
          const status = await node.get<RaftStatus>('status').catch(() => undefined);
          if (status?.isLeader === true) return node;
        }
        return undefined;
      },
      { withinMs: 60_000, describe: logs },
    );
  /** Until a run has begun that wasn't before. */
  const goesOn = async (job: string): Promise<void> => {
    const before = begunOf(job).length;
    await eventually(`another run of ${job}`, () => begunOf(job).length > before || undefined, {
      withinMs: 60_000,
      describe: logs,
    });
  };

  beforeAll(async () => {
    const main = await compileForNode(
      'test/support/jobs-app.ts',
      'test/guide/file-storage.ts',
      'test/guide/json-bytes.ts',
    );
    const ports = await freePorts(6);
    const members = [0, 1, 2].map((at) => ({
      id: `n${at + 1}`,
      peer: `127.0.0.1:${ports[2 * at + 1]!}`,
      http: `http://127.0.0.1:${ports[2 * at]!}`,
    }));
    nodes = members.map(
      ({ id }, at) =>
        new JobsNode({ id, httpPort: ports[2 * at]!, peerPort: ports[2 * at + 1]!, directory, members }, main, http),
    );
    forget = testRun().onProcessExit(endNow);
    for (const node of nodes) start(node);
    await leader();
    await goesOn(AT_MOST);
  });
  afterAll(async () => {
    if (testRun().failed) process.stderr.write(`${logs()}\n`);
    http.close();
    endNow();
    await Promise.all(nodes.map((node) => node.ended()));
    forget();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });

  const times = rounds({ short: 1, long: 6 });
  it(
    'run each second at most once, or at least once, as asked, and never twice at a time',
    async () => {
      const histories = new Map<number, RaftJobRun>();
      const remember = async (job: string): Promise<void> => {
        const runs = await (await leader()).get<readonly RaftJobRun[]>(`history/${job}`);
        for (const run of runs) if (run.token !== null) histories.set(run.token, run);
      };
      for (let round = 0; round < times; round++) {
        await sleep(BETWEEN_KILLS_MS);
        const killed = await leader();
        await remember(AT_MOST);
        // In the middle of a run, as far as that can be hit.
        await goesOn(AT_MOST);
        tell('kill', killed);
        killed.killNow();
        await killed.ended();
        await leader();
        start(killed);
        await goesOn(AT_MOST);
      }
      await sleep(BETWEEN_KILLS_MS);
      await eventually('every second is caught up', () => {
        const last = begunOf(AT_LEAST).at(-1)!;
        return last.scheduledMs > Date.now() - 3_000 || undefined;
      });
      const until = Date.now();
      await eventually('the history of the present', async () => {
        await remember(AT_MOST);
        return [...histories.values()].some(({ at }) => Date.parse(String(at)) > until) || undefined;
      });

      const atMost = begunOf(AT_MOST);
      const atLeast = begunOf(AT_LEAST);
      for (const job of [AT_MOST, AT_LEAST]) expectOneAtATime(linesOf(job));
      const scheduled = atMost.map(({ scheduledMs }) => scheduledMs);
      expect(scheduled).toEqual([...new Set(scheduled)].toSorted((a, b) => a - b));
      expect(atMost.every(({ attempt }) => attempt === 1)).toBe(true);

      // But for the runs that go on, each second between the first and the last has ended at least once.
      const wholes = linesOf(AT_LEAST).filter(({ what, isAborted }) => what === 'end' && !isAborted);
      const ended = new Set(wholes.map(({ scheduledMs }) => scheduledMs));
      const firstMs = Math.min(...ended);
      const seconds = (Math.max(...ended) - firstMs) / 1_000;
      expect(
        Array.from({ length: seconds + 1 }, (_, at) => firstMs + at * 1_000).filter((ms) => !ended.has(ms)),
      ).toEqual([]);

      // What a node did stands in the log under the same token, and nothing else does.
      for (const { token, node, scheduledMs } of atMost) {
        const recorded = histories.get(token);
        if (recorded === undefined) continue;
        expect(recorded.node).toBe(node);
        expect(Date.parse(String(recorded.scheduledAt))).toBe(scheduledMs);
      }
      expect(atMost.filter(({ token }) => histories.has(token)).length).toBeGreaterThan(times);
      expect(new Set(atMost.map(({ node }) => node)).size).toBeGreaterThan(1);
      report(`leaders killed ${times} times, jobs of every second`, {
        'at most once: runs': atMost.length,
        'recorded as lost': [...histories.values()].filter(({ outcome }) => outcome === 'lost').length,
        'at least once: runs': atLeast.length,
        'of them again': atLeast.filter(({ attempt }) => attempt > 1).length,
        seconds: seconds + 1,
      });
    },
    timeFor(times, BETWEEN_KILLS_MS + 60_000),
  );
});

/** Tokens grow from run to run, and a run begins only when the one before has ended, or its process was killed. */
function expectOneAtATime(lines: readonly Line[]): void {
  const dead = new Set<string>();
  let open: Line | undefined;
  let token = 0;
  for (const line of lines)
    if (line.what === 'start') dead.delete(line.node);
    else if (line.what === 'kill') {
      dead.add(line.node);
      if (open?.node === line.node) open = undefined;
    } else if (line.what === 'end') {
      expect(line.token).toBe(open?.token);
      open = undefined;
    } else {
      expect({ line, open }).toEqual({ line, open: undefined });
      expect(line.token).toBeGreaterThan(token);
      ({ token } = line);
      if (!dead.has(line.node)) open = line;
    }
}
