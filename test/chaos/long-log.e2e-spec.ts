import { existsSync, readFileSync } from 'node:fs';
import { isLongForm, timeFor } from '../support/chaos-scale';
import { KvCluster } from '../support/kv/kv-cluster';
import { appendLongLog, keyOfEntry, type LongLog, valueOfEntry } from '../support/load/long-log';
import { report } from '../support/test-run';

/** Of the long form, a million entries; the short one has to be done in a fraction of it. */
const START_LIMIT_MS = 15_000;

/** The most memory that a process ever had, where the system tells. */
function peakMemoryMib(pid: number): number | undefined {
  const file = `/proc/${pid}/status`;
  const peak = existsSync(file) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  return peak === undefined ? undefined : Math.round(Number(peak) / 1024);
}

/** What is held is the state, not the log: with a million keys that is a few hundred MiB by itself. */
const logs: readonly (LongLog & { readonly memoryLimitMib: number })[] = isLongForm
  ? [
      { entries: 1_000_000, bytes: 128, keys: 100_000, memoryLimitMib: 600 },
      { entries: 1_000_000, bytes: 128, keys: 1_000_000, memoryLimitMib: 1_000 },
    ]
  : [{ entries: 50_000, bytes: 128, keys: 10_000, memoryLimitMib: 400 }];

describe('a node with a long log', () => {
  it.each(logs)(
    'of $entries entries over $keys keys starts and serves in time, without taking it all into memory',
    async (log) => {
      const cluster = await KvCluster.start({ nodes: 1 });
      try {
        const [node] = cluster.nodes;
        await cluster.put('/before', '1');
        await node!.stop();
        await appendLongLog(node!, log);

        const started = performance.now();
        node!.start();
        const last = log.entries - 1;
        // A linearizable read waits until everything that is committed has been applied.
        const value = await cluster.get(keyOfEntry(last, log), { node: node!, withinMs: 120_000 });
        const tookMs = performance.now() - started;
        const peakMib = peakMemoryMib(node!.pid);
        expect(value?.trim()).toBe(valueOfEntry(last));
        expect(await cluster.get('/before')).toBe('1');
        await cluster.put('/after', '1');
        const status = (await node!.status())!;
        expect(status.appliedIndex).toBeGreaterThan(log.entries);
        report(`start with ${log.entries} entries of ${log.bytes} B over ${log.keys} keys`, {
          'serves after': `${Math.round(tookMs)} ms`,
          'peak memory': peakMib === undefined ? 'unknown' : `${peakMib} MiB`,
        });
        expect(tookMs).toBeLessThan(4 * START_LIMIT_MS);
        if (peakMib !== undefined) expect(peakMib).toBeLessThan(log.memoryLimitMib);
      } finally {
        await cluster.stop();
      }
    },
    timeFor(1, 300_000),
  );
});
