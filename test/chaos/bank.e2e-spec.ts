import { setTimeout as sleep } from 'node:timers/promises';
import { BankCluster } from '../support/bank/bank-cluster';
import type { BankDatabase } from '../support/bank/bank-database';
import { BankLoad } from '../support/bank/bank-load';
import type { BankNode } from '../support/bank/bank-node';
import { fillDisk, freeDisk } from '../support/bank/full-disk';
import { rounds, timeFor } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { report } from '../support/test-run';

const OWNERS = ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn'];
const CENTS_EACH = 100_00;
const SUM = ((OWNERS.length * CENTS_EACH) / 100).toFixed(2);
const CLIENTS = 8;
const BETWEEN_KILLS = 25;
/** A killed server, its recovery and an election, on whatever machine this is. */
const RETRY_FOR_MS = 60_000;
const DOWN_MS = [300, 900, 1_800];
const ROWS_AT_ONCE = 2_000;

const KINDS = ['node', 'database', 'both'] as const;
type Kind = (typeof KINDS)[number];

describe('a bank in the tables of three processes', () => {
  let cluster: BankCluster;
  beforeAll(async () => {
    cluster = await BankCluster.start({ retryForMs: RETRY_FOR_MS });
    for (const owner of OWNERS) await cluster.post(`accounts/${owner}/${CENTS_EACH}`);
  }, 400_000);
  afterEach(() => loads.splice(0).forEach((load) => load.abandon()));
  afterAll(() => cluster?.stop());

  const loads: BankLoad[] = [];
  const startLoad = (clients: number, prefix: string): BankLoad => {
    const load = BankLoad.start(cluster, { owners: OWNERS, clients, prefix });
    loads.push(load);
    return load;
  };

  /** Where log and tables are on two servers, both are killed, or one of them. */
  const serversOf = ({ tables, log }: BankNode, round: number): readonly BankDatabase[] =>
    log === undefined ? [tables] : [[tables, log], [tables], [log]][round % 3]!;

  async function kill(kind: Kind, node: BankNode, round: number): Promise<void> {
    const servers = kind === 'node' ? [] : serversOf(node, Math.floor(round / 3));
    for (const server of servers) server.killNow();
    if (kind !== 'database') node.killNow();
    await sleep(DOWN_MS[round % DOWN_MS.length]);
    await Promise.all(servers.map((server) => server.start()));
    if (kind === 'database') return;
    await node.ended();
    node.start();
  }

  async function expectAllAlike(): Promise<void> {
    const [first, ...others] = await cluster.contents();
    for (const other of others) expect(other).toEqual(first);
    expect(first!.sum).toBe(SUM);
  }

  /** What was acknowledged is there once, under the id that was answered; and nothing that nobody asked for. */
  async function expectTransfersOf(load: BankLoad): Promise<ReadonlyMap<string, readonly number[]>> {
    const all = await cluster.nodes[0]!.transfers();
    const transfers = new Map([...all].filter(([reference]) => load.isOwn(reference)));
    const lost = [...load.acknowledged].filter(([reference, id]) => transfers.get(reference)?.join() !== String(id));
    expect(lost).toEqual([]);
    expect([...transfers].filter(([, ids]) => ids.length > 1)).toEqual([]);
    expect([...load.refused].filter((reference) => transfers.has(reference))).toEqual([]);
    const unheardOf = [...transfers.keys()].filter((each) => !load.acknowledged.has(each) && !load.unknown.has(each));
    expect(unheardOf).toEqual([]);
    return transfers;
  }

  const kills = rounds({ short: 3, long: 20 });
  it(
    'loses no money and no transfer, applies none twice, and is the same in three databases, whatever is killed',
    async () => {
      const killed: Record<Kind, number> = { node: 0, database: 0, both: 0 };
      const load = startLoad(CLIENTS, 'kills');
      for (let round = 0; round < kills; round++) {
        await load.moreAcknowledged(BETWEEN_KILLS);
        const kind = KINDS[round % KINDS.length]!;
        // Every other time it is the leader.
        const leader = await cluster.leader();
        const node = round % 2 === 0 ? leader : cluster.nodes[Math.floor(round / 2) % cluster.nodes.length]!;
        await kill(kind, node, round);
        killed[kind]++;
        await load.moreAcknowledged(BETWEEN_KILLS);
        await cluster.untilCaughtUp(node);
      }
      await load.stop();
      await expectAllAlike();
      const transfers = await expectTransfersOf(load);

      const installed = cluster.nodes.map((node) => node.logText().split('is installed; the log goes on').length - 1);
      report(`a bank of three processes, killed ${kills} times under ${CLIENTS} clients`, {
        'nodes, databases, both': `${killed.node}, ${killed.database}, ${killed.both}`,
        acknowledged: load.acknowledged.size,
        refused: load.refused.size,
        'without an answer': load.unknown.size,
        'of them applied': [...load.unknown].filter((reference) => transfers.has(reference)).length,
        'snapshots installed': installed.reduce((sum, each) => sum + each, 0),
      });
    },
    timeFor(kills, 120_000),
  );

  const passing = [
    ['40P01', 'a deadlock'],
    ['40001', 'a serialization failure'],
  ];
  it.each(passing.slice(0, rounds({ short: 1, long: 2 })))(
    'answers and holds the same where one database alone has %s (%s) now and then',
    async (sqlState) => {
      const { tables } = cluster.nodes[1]!;
      await tables.query(`CREATE SEQUENCE public.stumbles`);
      // Commands are applied together, and again together: where this went on for ever, a batch of many would never get through.
      await tables.query(`CREATE FUNCTION public.stumble() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
        n := nextval('public.stumbles');
        IF n <= 20 AND n % 5 = 0 THEN RAISE EXCEPTION USING ERRCODE = '${sqlState}'; END IF; RETURN NEW; END $$`);
      await tables.query(
        `CREATE TRIGGER stumble BEFORE INSERT ON transfer FOR EACH ROW EXECUTE FUNCTION public.stumble()`,
      );
      const load = startLoad(3, sqlState);
      await load.moreAcknowledged(BETWEEN_KILLS);
      await load.stop();
      await expectAllAlike();
      await expectTransfersOf(load);
      const [stumbles] = await tables.query<{ last: string }>('SELECT last_value AS last FROM public.stumbles');
      expect(Number(stumbles!.last)).toBeGreaterThan(load.acknowledged.size);
      await tables.query(
        'DROP TRIGGER stumble ON transfer; DROP FUNCTION public.stumble; DROP SEQUENCE public.stumbles',
      );
    },
    timeFor(1, 60_000),
  );

  it(
    'goes on with two nodes where the disk of the third is full, which stops with the reason and is back when there is room',
    async () => {
      const full = await cluster.leader();
      full.killNow();
      await full.ended();
      full.start({ retryForMs: 2_000 });
      await cluster.untilCaughtUp(full);
      fillDisk(full.tables);
      const reason = await eventually(
        `${full.id} stops`,
        async () => {
          await cluster.post(`notes/${ROWS_AT_ONCE}`);
          const status = await full.status();
          return status?.phase === 'failed' ? status.reason : undefined;
        },
        { withinMs: 180_000, describe: () => cluster.describe() },
      );
      expect(reason).toMatch(
        /fails since more than 2000 ms: could not extend file .*: (No space left on device|wrote only|File too large)/,
      );

      const load = startLoad(CLIENTS, 'full');
      await load.moreAcknowledged(BETWEEN_KILLS);
      await load.stop();
      expect((await full.status())?.phase).toBe('failed');

      freeDisk(full.tables);
      full.killNow();
      await full.ended();
      full.start();
      await cluster.untilCaughtUp(full);
      await expectAllAlike();
      await expectTransfersOf(load);
    },
    timeFor(1, 240_000),
  );
});
