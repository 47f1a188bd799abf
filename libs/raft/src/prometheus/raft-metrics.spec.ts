import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoggerService } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { register as globalRegistry, Registry } from 'prom-client';
import { filter, firstValueFrom } from 'rxjs';
import { getRaftAdminToken, getRaftToken, RaftAdminService, RaftModule, RaftService } from '../index';
import { getRaftMetricsToken, METRICS, RaftMetricsService, RaftPrometheusModule } from './index';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

describe('RaftPrometheusModule', () => {
  const modules: TestingModule[] = [];
  afterEach(async () => {
    await Promise.all(modules.splice(0).map((module) => module.close()));
  });

  async function start(registry?: Registry): Promise<TestingModule> {
    const module = await Test.createTestingModule({
      imports: [RaftModule.forRoot(), RaftPrometheusModule.register(registry && { registry })],
    })
      .setLogger(SILENT)
      .compile();
    modules.push(module);
    await module.init();
    await firstValueFrom(module.get(RaftService).isLeader$.pipe(filter(Boolean)));
    return module;
  }

  /** The samples of a scrape, by name and labels. */
  async function samples(module: TestingModule): Promise<Map<string, number>> {
    const { text } = await module.get(RaftMetricsService).scraped();
    return new Map(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }

  it('puts every metric on the registry that it is given, and none on the global one', async () => {
    const registry = new Registry();
    await start(registry);
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual(Object.keys(METRICS));
    expect(globalRegistry.getMetricsAsArray()).toEqual([]);
  });

  it('tells at each scrape where the node stands', async () => {
    const module = await start();
    const { lastIndex, term } = module.get(RaftService).status();
    const found = await samples(module);
    const labels = 'group="default",node="node1"';
    expect(found.get(`raft_phase{${labels},phase="running"}`)).toBe(1);
    expect(found.get(`raft_phase{${labels},phase="failed"}`)).toBe(0);
    expect(found.get(`raft_role{${labels},role="leader"}`)).toBe(1);
    expect(found.get(`raft_is_leader{${labels}}`)).toBe(1);
    expect(found.get(`raft_term{${labels}}`)).toBe(term);
    expect(found.get(`raft_commit_index{${labels}}`)).toBe(lastIndex);
    expect(found.get(`raft_queue_length{${labels},queue="calls"}`)).toBe(0);
    expect(found.get(`raft_members{${labels},role="voter"}`)).toBe(1);
    expect(found.get(`raft_elections_total{${labels},stage="won"}`)).toBe(1);
    expect(found.get(`raft_event_loop_delay_seconds{${labels},quantile="0.99"}`)).toBeGreaterThanOrEqual(0);
    expect([...found.keys()].some((name) => name.startsWith('raft_snapshot_index'))).toBe(false);
  });

  it('counts and times calls, writes, applies and snapshots, and a read twice scraped once', async () => {
    const module = await start();
    const raft = module.get(RaftService);
    await raft.propose({ machine: 'none', command: 'none', args: [] }).catch(() => undefined);
    await raft.barrier();
    await module.get(RaftAdminService).snapshot();
    await samples(module);
    const found = await samples(module);
    const labels = 'group="default",node="node1"';
    expect(found.get(`raft_proposals_total{${labels},origin="caller",outcome="RAFT_REJECTED"}`)).toBe(1);
    expect(found.get(`raft_proposal_duration_seconds_count{${labels},origin="caller"}`)).toBe(1);
    expect(found.get(`raft_read_duration_seconds_count{${labels},kind="barrier"}`)).toBe(1);
    expect(found.get(`raft_reads_total{${labels},consistency="linearizable"}`)).toBe(1);
    expect(found.get(`raft_persist_duration_seconds_count{${labels}}`)).toBeGreaterThan(0);
    expect(found.get(`raft_applied_entries_total{${labels}}`)).toBeGreaterThan(0);
    expect(found.get(`raft_snapshot_duration_seconds_count{${labels},kind="taken"}`)).toBe(1);
    expect(found.get(`raft_snapshot_index{${labels}}`)).toBeGreaterThan(0);
  });

  it('has no sample any more of a node that has ended, on a registry that lives on', async () => {
    const registry = new Registry();
    const module = await start(registry);
    await registry.metrics();
    await modules.pop()!.close();
    const text = await registry.metrics();
    expect(text).not.toContain('raft_is_leader{');
    expect(module.get(RaftMetricsService).registry).toBe(registry);
  });

  it('measures several groups on one registry', async () => {
    const registry = new Registry();
    const module = await Test.createTestingModule({
      imports: [
        RaftModule.forRoot(),
        RaftModule.forRoot({ group: 'orders', nodeId: 'o1' }),
        RaftPrometheusModule.register({ registry }),
        RaftPrometheusModule.register({ registry, group: 'orders' }),
      ],
    })
      .setLogger(SILENT)
      .compile();
    modules.push(module);
    await module.init();
    for (const group of [undefined, 'orders'])
      await firstValueFrom(module.get<RaftService>(getRaftToken(group)).isLeader$.pipe(filter(Boolean)));
    await module.get<RaftAdminService>(getRaftAdminToken('orders')).snapshot();
    const text = await registry.metrics();
    expect(text).toContain('raft_is_leader{group="default",node="node1"} 1');
    expect(text).toContain('raft_is_leader{group="orders",node="o1"} 1');
    expect(text).toMatch(/raft_snapshot_index\{group="orders",node="o1"\} [1-9]/);
    expect(text).not.toMatch(/raft_snapshot_index\{group="default"/);
    expect(module.get(getRaftMetricsToken('orders'))).not.toBe(module.get(RaftMetricsService));
  });

  it('is what the guide lists: each name, type, label and meaning', () => {
    const guide = readFileSync(join(__dirname, '../../../../docs/guides/operations.md'), 'utf8');
    const rows = guide.split('\n').filter((line) => line.startsWith('| `raft_'));
    const listed = rows.map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
    expect(listed).toEqual(
      Object.entries(METRICS).map(([name, { type, labels, help }]) => [name, type, labels.join(', '), help]),
    );
  });
});
