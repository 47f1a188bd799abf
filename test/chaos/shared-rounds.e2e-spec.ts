import { setTimeout as sleep } from 'node:timers/promises';
import { isLongForm } from '../support/chaos-scale';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';
import { figure } from '../support/test-run';
import { VITALS_HOOK, vitalsOf } from '../support/kv/vitals';

const SPAN_MS = isLongForm ? 10_000 : 3_000;
const READS = isLongForm ? 50_000 : 2_000;
const CLIENTS = 64;
const ROUNDS_PER_READ = 0.2;
/** A quiet leader sends a heartbeat so often to each of its peers. */
const HEARTBEAT_MS = 100;

describe('reads under load', () => {
  let cluster: KvCluster;
  let leader: KvNode;
  beforeAll(async () => {
    cluster = await KvCluster.start({ flags: ['--lease-reads', '0.9'], preload: [VITALS_HOOK] });
    await cluster.put('/read/me', '"value"');
    leader = await cluster.leader({ all: true });
  });
  afterAll(() => cluster?.stop());

  /** Reads from the leader, each client one after the other. @returns how many answered 200 */
  const readAllTheTime = async (query: string, clients: number): Promise<number> => {
    let begun = 0;
    let answered = 0;
    await Promise.all(
      Array.from({ length: clients }, async () => {
        while (begun < READS) {
          begun++;
          const answer = await cluster.http.send(`${leader.url}/read/me${query}`);
          if (answer.status === 200 && answer.body === '"value"') answered++;
          else throw new Error(`the read answers ${answer.status} ${answer.body}`);
        }
      }),
    );
    return answered;
  };

  const readsOf = async () => (await leader.status())!.reads;

  /** Messages that the leader sent to others for each second in which it did this. */
  const messagesASecond = async <T>(during: () => Promise<T>): Promise<readonly [number, T]> => {
    const fromMs = Date.now();
    const result = await during();
    await sleep(300);
    const vitals = vitalsOf(leader, [fromMs, Date.now()]);
    const [first, last] = [vitals[0]!, vitals.at(-1)!];
    return [((last.framesSent - first.framesSent) * 1000) / (last.atMs - first.atMs), result];
  };

  it('a lease read costs no message', async () => {
    const [quiet] = await messagesASecond(() => sleep(SPAN_MS));
    const before = await readsOf();
    const [reading, answered] = await messagesASecond(() => readAllTheTime('?consistency=lease', 8));
    const after = await readsOf();

    figure('lease reads: answered', String(answered));
    figure('lease reads: rounds sent for them', String(after.rounds - before.rounds), '0');
    figure('messages a second of the leader, quiet', quiet.toFixed(1));
    figure('messages a second of the leader, while it answers lease reads', reading.toFixed(1), 'the same');
    expect(answered).toBe(READS);
    expect(after.lease - before.lease).toBeGreaterThanOrEqual(answered);
    // A lease that ran out, on a machine that let the leader wait, is asked for anew.
    expect(after.rounds - before.rounds).toBeLessThanOrEqual(answered / 100);
    expect(reading).toBeLessThan(2 * quiet + (20 * 1000) / HEARTBEAT_MS / 10);
  }, 300_000);

  it(`linearizable reads of ${CLIENTS} clients share their rounds`, async () => {
    const before = await readsOf();
    const answered = await readAllTheTime('', CLIENTS);
    const after = await readsOf();

    const reads = after.linearizable - before.linearizable;
    const rounds = after.rounds - before.rounds;
    figure(`linearizable reads at ${CLIENTS} clients: answered`, String(answered));
    figure('rounds per read', (rounds / reads).toFixed(3), `${ROUNDS_PER_READ}`);
    expect(reads).toBeGreaterThanOrEqual(answered);
    expect(rounds).toBeGreaterThan(0);
    expect(rounds / reads).toBeLessThan(ROUNDS_PER_READ);
  }, 300_000);
});
