import { HttpClient, NoAnswerError } from '../support/http-client';
import { rounds, timeFor } from '../support/chaos-scale';
import { KvCluster } from '../support/kv/kv-cluster';
import { report } from '../support/test-run';

const READERS = 16;

describe('a leader that was frozen and wakes up', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start();
  });
  afterAll(() => cluster?.stop());

  const times = rounds({ short: 2, long: 10 });
  it(
    'never answers a read with the old value, over connections that were open before',
    async () => {
      const answered = new Map<number, number>();
      for (let round = 0; round < times; round++) {
        const key = `/frozen/${round}`;
        const old = await cluster.leader({ all: true });
        await cluster.put(key, '"old"');
        const reader = new HttpClient(READERS);
        const read = (query = '') => reader.send(old.url + key + query, { timeoutMs: 60_000 });
        const opened = await Promise.all(Array.from({ length: READERS }, () => read()));
        expect(opened.every((answer) => answer.body === '"old"')).toBe(true);

        old.signal('SIGSTOP');
        // They lie in its sockets while it sleeps, and are the first that it sees.
        const waiting = Array.from({ length: READERS }, (_, at) => read(at % 2 === 0 ? '' : '?consistency=lease'));
        // A follower that hasn't noticed yet sends the writer to the frozen node, which never answers.
        await cluster.put(key, '"new"', { timeoutMs: 500 });
        old.signal('SIGCONT');
        const late = Array.from({ length: READERS }, () => read());
        for (const outcome of await Promise.allSettled([...waiting, ...late])) {
          if (outcome.status === 'rejected') {
            if (!(outcome.reason instanceof NoAnswerError)) throw outcome.reason;
            continue;
          }
          const { status, body } = outcome.value;
          answered.set(status, (answered.get(status) ?? 0) + 1);
          expect(body).not.toBe('"old"');
          if (status === 200) expect(body).toBe('"new"');
        }
        reader.close();
        expect(await cluster.get(key, { node: old })).toBe('"new"');
      }
      report(`SIGSTOP of the leader, ${times} times`, {
        'answers of the old leader by status': JSON.stringify(Object.fromEntries(answered)),
      });
      expect([...answered.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    },
    timeFor(times, 30_000),
  );
});
