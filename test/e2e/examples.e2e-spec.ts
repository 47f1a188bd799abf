import { eventually } from '../support/eventually';
import { ExampleCluster } from '../support/example-cluster';
import { TestPostgres } from '../support/postgres';

/** Of an error that a microservice answered with. */
const codeOf = (body: unknown): string | undefined =>
  (body as { readonly error?: { readonly code?: string } }).error?.code;

/** What each example's page says, with real processes. */
describe('The examples', () => {
  let cluster: ExampleCluster | undefined;

  afterEach(async () => {
    await cluster?.stop();
    cluster = undefined;
  });

  it('01: a cron job runs on the node that leads, and any node tells of it', async () => {
    cluster = await ExampleCluster.start('01-leader-cron');
    // A job is known from the moment at which the first leader has told of it.
    await eventually('the job is asked for', async () => {
      const { status } = await cluster!.post(3, '/report/run');
      return status === 201 ? true : undefined;
    });
    const runs = await cluster.until(2, '/report/runs', (body) =>
      (body as readonly { readonly outcome: string }[]).some(({ outcome }) => outcome === 'completed'),
    );
    const nodes = new Set((runs as readonly { readonly node: string }[]).map(({ node }) => node));
    expect(nodes.size).toBe(1);
  });

  it('02: a lock is held by one at a time, with growing tokens, and who doesn’t wait is refused', async () => {
    cluster = await ExampleCluster.start('02-locks');
    const [one, other] = await Promise.all([
      cluster.post(1, '/work/import?ms=200'),
      cluster.post(2, '/work/import?ms=200'),
    ]);
    expect([one.status, other.status]).toEqual([201, 201]);
    const [first, second] = [one.body, other.body] as readonly { readonly node: string; readonly token: number }[];
    expect([first!.node, second!.node]).toEqual(['n1', 'n2']);
    expect(first!.token).not.toBe(second!.token);

    // On a busy machine the second may come when the first is done.
    const closings = await eventually('two come at once', async () => {
      const both = await Promise.all([cluster!.post(1, '/invoices/7/close'), cluster!.post(3, '/invoices/7/close')]);
      return both.every(({ status }) => status === 201) ? undefined : both;
    });
    expect(new Set(closings.map(({ status }) => status))).toEqual(new Set([201, 423]));
  });

  it('03: votes are counted once, and read on any node; two nodes go on without the third', async () => {
    cluster = await ExampleCluster.start('03-replicated-state');
    expect((await cluster.post(1, '/polls/lunch/ann/pizza')).status).toBe(201);
    expect((await cluster.post(2, '/polls/lunch/bob/soup')).status).toBe(201);
    expect(await cluster.post(3, '/polls/lunch/ann/soup')).toMatchObject({
      status: 422,
      body: { code: 'RAFT_REJECTED', reason: 'HAS_VOTED', details: { choice: 'pizza' } },
    });
    cluster.kill(1);
    expect(await cluster.get(3, '/polls/lunch')).toEqual({ status: 200, body: { pizza: 1, soup: 1 } });
    expect((await cluster.get(2, '/polls/lunch/dashboard')).status).toBe(200);
  });

  it('04: messages reach the node that they are sent to; numbers are given once; the leader alone closes the day', async () => {
    cluster = await ExampleCluster.start('04-microservice-hybrid');
    expect((await cluster.get(1, '/nodes/1/place/apples')).body).toEqual({ article: 'apples', number: 1, node: 'n1' });
    expect((await cluster.get(1, '/nodes/3/place/pears')).body).toEqual({ article: 'pears', number: 2, node: 'n3' });
    // A node that was asked nothing so far may not know the leader yet: it says so, with another code, until it does.
    const bodies = await eventually('each node knows the leader', async () => {
      const answers = await Promise.all([1, 2, 3].map((n) => cluster!.get(1, `/nodes/${n}/close-day/today`)));
      return answers.some(({ body }) => codeOf(body) === 'RAFT_NO_LEADER')
        ? undefined
        : answers.map(({ body }) => body);
    });
    const refusal = { error: expect.objectContaining({ code: 'RAFT_NOT_LEADER' }) as unknown };
    expect(bodies).toContainEqual({ closedBy: expect.stringMatching(/^n[123]$/) as unknown });
    expect(bodies.filter((body) => 'error' in (body as object))).toEqual([refusal, refusal]);
  });

  it('05: a client counts and locks in a cluster of which it is no member, and goes on when a node is killed', async () => {
    cluster = await ExampleCluster.start('05-client-app', [], true);
    expect(await cluster.post(4, '/visits')).toEqual({ status: 201, body: { visits: 1 } });
    const [first, second] = [await cluster.post(4, '/close'), await cluster.post(4, '/close')];
    const tokenOf = ({ body }: { readonly body: unknown }): number => (body as { readonly token: number }).token;
    expect(tokenOf(second)).toBeGreaterThan(tokenOf(first));
    cluster.kill(1);
    expect(await cluster.post(4, '/visits')).toEqual({ status: 201, body: { visits: 2 } });
    expect(await cluster.get(4, '/visits')).toEqual({ status: 200, body: { visits: 2 } });
    expect((await cluster.get(4, '/cluster')).status).toBe(200);
  });

  it('06: money moves in three databases alike', async () => {
    const postgres = await TestPostgres.start();
    try {
      const urls: string[] = [];
      for (const name of ['bank1', 'bank2', 'bank3']) {
        await postgres.query(`CREATE DATABASE ${name}`);
        const url = new URL(postgres.url);
        url.pathname = `/${name}`;
        urls.push(url.href);
      }
      cluster = await ExampleCluster.start('06-replicated-tables', urls);
      expect((await cluster.post(1, '/bank/bank/ada/100')).body).toEqual({ transfer: 1 });
      expect((await cluster.post(2, '/bank/ada/bob/30')).body).toEqual({ transfer: 2 });
      expect((await cluster.post(3, '/bank/bob/ada/31')).body).toMatchObject({ reason: 'INSUFFICIENT_FUNDS' });
      for (const n of [1, 2, 3])
        expect((await cluster.get(n, '/bank/report')).body).toEqual([
          { owner: 'ada', balance: '70', received: '100' },
          { owner: 'bank', balance: '999900', received: '0' },
          { owner: 'bob', balance: '30', received: '30' },
        ]);
    } finally {
      await cluster?.stop();
      cluster = undefined;
      await postgres.stop();
    }
  });
});
