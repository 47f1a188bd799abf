import type { ClientChannel, Hello, ResponseMessage } from '../../transport/contract';
import { decodeMachineEvent } from './client-calls';
import { ClientWatches, WATCH_BOUNDS } from './client-watches';
import { decodeError } from '../base/error-codec';

const HALF_A_MEGABYTE = 500_000;
const FULL_BYTES = 1024 * 1024;

/** A client whose connection reads when it is told to. */
class Client implements ClientChannel {
  readonly client = { nodeName: 'api' } as Hello;
  readonly answers: ResponseMessage[] = [];
  readonly remoteAddress = '192.0.2.1';
  backlogBytes = 0;
  closed = false;

  constructor(private readonly reads: boolean) {}

  send(response: ResponseMessage): boolean {
    if (this.backlogBytes > FULL_BYTES) return false;
    this.answers.push(response);
    if (!this.reads) this.backlogBytes += response.body.length;
    return true;
  }

  close(): void {
    this.closed = true;
    this.backlogBytes = 0;
  }

  get indexes(): number[] {
    return this.answers.filter(({ ok }) => ok).map(({ body }) => decodeMachineEvent(body).index);
  }

  get codes(): unknown[] {
    return this.answers.filter(({ ok }) => !ok).map(({ body }) => decodeError(body)?.code);
  }
}

function setUp(bounds: Partial<typeof WATCH_BOUNDS> = {}) {
  const tasks: (() => void)[] = [];
  const watches = new ClientWatches({
    groupId: 'default',
    logger: { debug: () => {}, log: () => {}, warn: () => {}, error: () => {} },
    scheduler: { setTimer: (_ms, task) => ({ at: tasks.push(task) }), clearTimer: () => void tasks.splice(0) },
    bounds: { ...WATCH_BOUNDS, ...bounds },
  });
  let encodings = 0;
  const tell = (index: number, bytes = 10, machine = 'locks'): void => {
    const value = {
      get text() {
        encodings++;
        return 'x'.repeat(bytes);
      },
    };
    watches.onMessage(machine, { kind: 'change', index, term: 1, now: 1, command: 'set', value });
  };
  const join = (reads: boolean, id = 1, machine = 'locks'): Client => {
    const client = new Client(reads);
    watches.add(client, machine, id);
    return client;
  };
  const look = (times = 1): void => {
    for (let time = 0; time < times; time++) tasks.splice(0).forEach((task) => task());
  };
  return { watches, tell, join, look, tasks, encodings: () => encodings };
}

describe('ClientWatches', () => {
  it('encodes an event once for all clients, and sends nothing while the node applies', () => {
    const { tell, join, look, encodings } = setUp();
    const clients = Array.from({ length: 300 }, () => join(true));
    for (const index of [1, 2]) tell(index);
    expect(clients.every(({ answers }) => answers.length === 0)).toBe(true);
    look();
    for (const client of clients) expect(client.indexes).toEqual([1, 2]);
    expect(encodings()).toBe(2);
    expect(new Set(clients.flatMap(({ answers }) => answers.map(({ body }) => body))).size).toBe(2);
  });

  it('encodes nothing that nobody watches, and keeps nothing that all have', () => {
    const { tell, join, look, tasks, encodings } = setUp();
    join(true);
    tell(1, 10, 'others');
    expect([encodings(), tasks.length]).toEqual([0, 0]);
    tell(2);
    look();
    expect(tasks).toHaveLength(0);
  });

  it('bounds what the connections of all clients hold, however many watch', () => {
    const { tell, join, look } = setUp();
    const clients = Array.from({ length: 1_500 }, () => join(false));
    for (let index = 1; index <= 4; index++) tell(index, HALF_A_MEGABYTE);
    let most = 0;
    for (let time = 0; time < 400; time++) {
      look();
      most = Math.max(
        most,
        clients.reduce((bytes, { backlogBytes }) => bytes + backlogBytes, 0),
      );
    }
    expect(most).toBeLessThanOrEqual(WATCH_BOUNDS.mostUnsentBytesOfAll + HALF_A_MEGABYTE + 100);
  });

  it('makes room for those who read by hanging up on those who take nothing', () => {
    const { tell, join, look } = setUp({ mostUnsentBytesOfAll: 4 * HALF_A_MEGABYTE });
    const stuck = Array.from({ length: 8 }, () => join(false));
    const quick = join(true);
    for (let index = 1; index <= 4; index++) tell(index, HALF_A_MEGABYTE);
    look(400);
    expect(quick.indexes).toEqual([1, 2, 3, 4]);
    expect(stuck.some(({ closed }) => closed)).toBe(true);
    expect(quick.closed).toBe(false);
  });

  it('cuts with a code what falls out of the window, and goes on with the others', () => {
    const { watches, tell, join, look } = setUp({ mostEvents: 8, mostUnsentBytes: 5 });
    const slow = join(false);
    const quick = join(true);
    for (let index = 1; index <= 40; index++) {
      tell(index);
      look();
    }
    expect(quick.indexes).toHaveLength(40);
    expect(slow.indexes).toEqual([1]);
    expect(slow.codes).toEqual(['RAFT_BUSY']);
    slow.backlogBytes = 0;
    watches.add(slow, 'locks', 2);
    tell(41);
    look();
    expect(slow.answers.at(-1)).toMatchObject({ id: 2, ok: true });
  });

  it('tells a client of each machine that it watches from then on, until it watches no more', () => {
    const { watches, tell, join, look } = setUp();
    const client = join(true, 1, 'locks');
    tell(1, 10, 'maps');
    tell(2);
    watches.add(client, 'maps', 2);
    tell(3, 10, 'maps');
    look();
    watches.remove(client, 'locks');
    tell(4);
    tell(5, 10, 'maps');
    look();
    expect(client.answers.map(({ id, body }) => [id, decodeMachineEvent(body).index])).toEqual([
      [1, 2],
      [2, 3],
      [2, 5],
    ]);
  });

  it('bounds how many machines one client watches', () => {
    const { watches, join } = setUp();
    const client = join(true);
    for (let count = 1; count < 256; count++) watches.add(client, `machine${count}`, count);
    expect(() => watches.add(client, 'one more', 300)).toThrow('256 state machines already');
    watches.add(client, 'locks', 301);
  });
});
