import { setTimeout as sleep } from 'node:timers/promises';
import type { SnapshotInfo } from 'nestjs-raft';
import { ArchiveCluster } from '../support/archive/archive-cluster';
import type { ArchiveNode } from '../support/archive/archive-node';
import { TransferLoad } from '../support/archive/transfer-load';
import { ViewWatch } from '../support/archive/view-watch';
import { isLongForm } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { figure } from '../support/test-run';
import { highest, vitalsOf } from '../support/kv/vitals';

const TABLES_BYTES = (isLongForm ? 2_000 : 8) * 1_000_000;
/** What COPY makes of a document, at the least. */
const DOCUMENT_BYTES = 1_000;
const DOCUMENTS_PER_COMMAND = 5_000;
const MEMORY_LIMIT_BYTES = 200 * 1024 * 1024;
const IDLE_MS = 3_000;
const WORK_LIMIT_MS = isLongForm ? 2_400_000 : 240_000;
const MIB = 1024 * 1024;

const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

describe('a snapshot of large replicated tables', () => {
  let cluster: ArchiveCluster;
  let leader: ArchiveNode;
  let joiner: ArchiveNode;
  /** Memory of a process that has nothing to do. */
  let idleBytes: number;

  beforeAll(async () => {
    cluster = await ArchiveCluster.start();
    leader = await cluster.leader();
    await leader.post('open');
    const fromMs = Date.now();
    await sleep(IDLE_MS);
    idleBytes = highest(vitalsOf(leader, [fromMs, Date.now()]), 'rssBytes');
    for (let left = TABLES_BYTES / DOCUMENT_BYTES; left > 0; left -= DOCUMENTS_PER_COMMAND)
      await leader.post(`fill/${Math.min(left, DOCUMENTS_PER_COMMAND)}`);
    await leader.post('transfer/1/2');
    await caughtUp(cluster.nodes);
  }, WORK_LIMIT_MS);
  afterAll(() => cluster?.stop());

  const caughtUp = (nodes: readonly ArchiveNode[]): Promise<true> =>
    eventually(
      'all have applied what the leader has',
      async () => {
        const last = (await leader.status())!.lastIndex;
        const statuses = await Promise.all(nodes.map((node) => node.status()));
        return statuses.every((status) => status?.appliedIndex === last) || undefined;
      },
      { withinMs: WORK_LIMIT_MS, describe: () => cluster.logs() },
    );

  /** Takes the leader's snapshot and waits until its log is cut there. */
  const cutLog = async (): Promise<SnapshotInfo> => {
    const fromMs = Date.now();
    const info = await leader.post<SnapshotInfo>('snapshot', WORK_LIMIT_MS);
    await eventually('the log is cut', async () => {
      const status = await leader.status();
      return (status !== undefined && status.firstIndex > info.index - 10) || undefined;
    });
    figure('snapshot of tables: size', mib(info.sizeBytes), mib(TABLES_BYTES));
    figure('snapshot of tables: taken in', `${Date.now() - fromMs} ms`);
    tellMemory('of the leader while it takes it', leader, fromMs);
    return info;
  };

  const tellMemory = (what: string, node: ArchiveNode, fromMs: number): number => {
    const grown = highest(vitalsOf(node, [fromMs, Date.now()]), 'rssBytes') - idleBytes;
    figure(`snapshot of tables: memory ${what}, beyond an idle process`, mib(grown), mib(MEMORY_LIMIT_BYTES));
    expect(grown).toBeLessThan(MEMORY_LIMIT_BYTES);
    return grown;
  };

  it(
    'is taken and installed on a node that joins, in bounded memory, while money is moved, and readers see whole tables',
    async () => {
      const load = TransferLoad.start(leader);
      await load.more(20);
      const info = await cutLog();
      const fromMs = Date.now();
      joiner = await cluster.join('n4', [leader]);
      const watch = ViewWatch.start(joiner);
      await eventually(
        'the new node votes',
        async () => {
          const status = await leader.status();
          return status?.members.some(({ name, role }) => name === 'n4' && role === 'voter') || undefined;
        },
        { withinMs: WORK_LIMIT_MS, describe: () => cluster.logs() },
      );
      figure('snapshot of tables: a voter after', `${Date.now() - fromMs} ms`);
      await load.more(20);
      await load.stop();
      await caughtUp(cluster.nodes);
      await watch.stop();

      tellWatch(watch, load);
      tellMemory('of the leader while it sends it', leader, fromMs);
      tellMemory('of the node that joins', joiner, fromMs);
      expect((await joiner.status())!.fetchedBytes).toBeGreaterThanOrEqual(info.sizeBytes);
      expect(watch.mixtures).toEqual([]);
      expect(watch.seenEmpty).toBe(true);
      expect(watch.answersOfNode).toBeGreaterThan(0);
      expect(watch.generations.size).toBeGreaterThan(1);
      expect(load.failures).toEqual([]);
      expect(await joiner.content()).toEqual(await leader.content());
    },
    WORK_LIMIT_MS,
  );

  it(
    'takes the place of what a node held that was away, and readers see the old tables or the new ones',
    async () => {
      joiner.killNow();
      await joiner.ended();
      const load = TransferLoad.start(leader);
      await load.more(20);
      const watch = ViewWatch.start(joiner);
      const info = await cutLog();
      const fromMs = Date.now();
      joiner.start();
      await load.more(20);
      await eventually(
        'the snapshot is installed',
        async () => {
          const status = await joiner.status();
          return (status !== undefined && status.appliedIndex >= info.index) || undefined;
        },
        { withinMs: WORK_LIMIT_MS, describe: () => cluster.logs() },
      );
      figure('snapshot of tables: in place of old ones after', `${Date.now() - fromMs} ms`);
      await load.stop();
      await caughtUp(cluster.nodes);
      await watch.stop();

      tellWatch(watch, load);
      tellMemory('of the node that was away', joiner, fromMs);
      expect((await joiner.status())!.fetchedBytes).toBeGreaterThanOrEqual(info.sizeBytes);
      expect(watch.mixtures).toEqual([]);
      expect(watch.seenEmpty).toBe(false);
      expect(watch.generations.size).toBeGreaterThan(1);
      expect(load.failures).toEqual([]);
      expect(await joiner.content()).toEqual(await leader.content());
    },
    WORK_LIMIT_MS,
  );
});

function tellWatch(watch: ViewWatch, load: TransferLoad): void {
  figure('snapshot of tables: transfers meanwhile', `${load.acknowledged}, failed ${load.failures.length}`, 'failed 0');
  figure(
    'snapshot of tables: reads past the node, of the node, mixtures',
    `${watch.reads}, ${watch.answersOfNode}, ${watch.mixtures.length}`,
    'mixtures 0',
  );
  figure('snapshot of tables: longest read', `${Math.round(watch.longestReadMs)} ms`);
}
