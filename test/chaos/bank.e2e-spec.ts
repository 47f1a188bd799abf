import { setTimeout as sleep } from 'node:timers/promises';
import { BankCluster } from '../support/bank/bank-cluster';
import type { BankDatabase } from '../support/bank/bank-database';
import { BankLoad } from '../support/bank/bank-load';
import type { BankNode } from '../support/bank/bank-node';
import { rounds, timeFor } from '../support/chaos-scale';
import { report } from '../support/test-run';

const OWNERS = ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn'];
const CENTS_EACH = 100_00;
const CLIENTS = 8;
const BETWEEN_KILLS = 25;
/** A killed server, its recovery and an election, on whatever machine this is. */
const RETRY_FOR_MS = 60_000;
const DOWN_MS = [300, 900, 1_800];

const KINDS = ['node', 'database', 'both'] as const;
type Kind = (typeof KINDS)[number];

describe('a bank in the tables of three processes that are killed', () => {
  let cluster: BankCluster;
  beforeAll(async () => {
    cluster = await BankCluster.start({ retryForMs: RETRY_FOR_MS });
    for (const owner of OWNERS) await cluster.post(`accounts/${owner}/${CENTS_EACH}`);
  }, 180_000);
  afterAll(() => cluster?.stop());

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

  const kills = rounds({ short: 3, long: 20 });
  it(
    'loses no money and no transfer, applies none twice, and is the same in three databases',
    async () => {
      const killed: Record<Kind, number> = { node: 0, database: 0, both: 0 };
      const load = BankLoad.start(cluster, OWNERS, CLIENTS);
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
      for (const node of cluster.nodes) await cluster.untilCaughtUp(node);

      const [first, ...others] = await Promise.all(cluster.nodes.map((node) => node.content()));
      for (const other of others) expect(other).toEqual(first);
      expect(first!.sum).toBe(((OWNERS.length * CENTS_EACH) / 100).toFixed(2));

      const transfers = await cluster.nodes[0]!.transfers();
      const lost = [...load.acknowledged].filter(([reference, id]) => transfers.get(reference)?.join() !== String(id));
      expect(lost).toEqual([]);
      expect([...transfers].filter(([, ids]) => ids.length > 1)).toEqual([]);
      expect([...load.refused].filter((reference) => transfers.has(reference))).toEqual([]);
      const unheardOf = [...transfers.keys()].filter((each) => !load.acknowledged.has(each) && !load.unknown.has(each));
      expect(unheardOf).toEqual([]);

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
    timeFor(kills, 45_000),
  );
});
