import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { signalEmbeddedPostgres } from '../../apps/kv/src/embedded-postgres/kill-embedded-postgres';
import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';

interface Health {
  readonly code: number;
  readonly body: Record<string, unknown>;
}

describe('a node whose database is gone or stands still', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start();
  });
  afterAll(() => cluster?.stop());

  const health = async (node: KvNode, path = '/_health'): Promise<Health> => {
    const answer = await cluster.http.send(`${node.url}${path}`);
    return { code: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> };
  };
  const memberHealth = async (viewer: KvNode, id: string) =>
    (await viewer.status())?.members.find(({ name }) => name === id)?.health;
  const becomes = (node: KvNode, status: string, code: number) =>
    eventually(
      `${node.id} says '${status}'`,
      async () => {
        const said = await health(node);
        return said.body.status === status && said.code === code ? said : undefined;
      },
      { describe: () => cluster.describe() },
    );

  it('is live and not ready while the database stands still, says so, and is ready again by itself', async () => {
    const leader = await cluster.leader({ all: true });
    const [follower] = await cluster.followers();
    expect(await health(follower!)).toMatchObject({ code: 200, body: { status: 'ok', live: true, ready: true } });

    signalEmbeddedPostgres(follower!.postgresDir, 'SIGSTOP');
    try {
      const { body } = await becomes(follower!, 'degraded', 503);
      expect(body).toMatchObject({ live: true, ready: false, leader: leader.id, reason: "its store doesn't answer" });
      expect((await health(follower!, '/_health/live')).code).toBe(200);
      await eventually('the leader shows it', async () =>
        (await memberHealth(leader, follower!.id)) === 'degraded' ? true : undefined,
      );
      await cluster.put('/meanwhile', '1');
      expect((await health(leader)).code).toBe(200);
    } finally {
      signalEmbeddedPostgres(follower!.postgresDir, 'SIGCONT');
    }
    await becomes(follower!, 'ok', 200);
    expect(await cluster.get('/meanwhile', { node: follower! })).toBe('1');
  });

  it('is live and not ready while the database is dead and can’t be started, and is ready again once it can', async () => {
    const leader = await cluster.leader({ all: true });
    const [follower] = await cluster.followers();
    const control = join(follower!.postgresDir, 'global', 'pg_control');
    renameSync(control, `${control}.away`);
    try {
      follower!.killPostgresNow();
      const { body } = await becomes(follower!, 'degraded', 503);
      expect(body.reason).toMatch(/its store can't be reached \(/);
      expect((body.degraded as { sinceMs: number }).sinceMs).toBeGreaterThan(Date.now() - 600_000);
      expect((await health(follower!, '/_health/live')).code).toBe(200);
      await eventually('the leader shows it', async () =>
        (await memberHealth(leader, follower!.id)) === 'silent' ? true : undefined,
      );
      await cluster.put('/without', '2');
    } finally {
      renameSync(`${control}.away`, control);
    }
    await becomes(follower!, 'ok', 200);
    expect(await cluster.get('/without', { node: follower! })).toBe('2');
  });
});
