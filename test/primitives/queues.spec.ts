import { QueueMachine, type ReceivedMessage } from '../../libs/raft/src/nest/primitives/queue/queue.machine';
import { RaftQueue, type RaftQueueOptions } from '../../libs/raft/src/nest/primitives/queue/raft-queue';
import { watch } from '../runtime/virtual-cluster';
import { MachineLog } from './machine-log';
import { PrimitiveCluster, type PrimitiveNode } from './primitive-cluster';

const ASK = { max: 10, visibilityMs: 1_000, maxAttempts: 2 };

describe('the machine of queues', () => {
  let log: MachineLog;
  beforeEach(() => {
    log = new MachineLog('raft.queues', new QueueMachine());
  });
  const send = (timeMs: number, body: unknown, delayMs = 0) => log.at<number>(timeMs, 'send', 'q', body, delayMs, 100);
  const receive = (timeMs: number, ask: Partial<typeof ASK> = {}) =>
    log.at<ReceivedMessage[]>(timeMs, 'receive', 'q', { ...ASK, ...ask });
  const bodies = (messages: readonly ReceivedMessage[]) => messages.map(({ body }) => body);

  it('gives messages out once, in the order in which they were sent', async () => {
    for (const body of ['a', 'b', 'c']) await send(0, body);
    expect(bodies(await receive(1, { max: 2 }))).toEqual(['a', 'b']);
    expect(bodies(await receive(1))).toEqual(['c']);
    expect(await receive(1)).toEqual([]);
  });

  it('gives a message out again when its visibility ends, in its old place, under a greater receipt', async () => {
    await send(0, 'a');
    const [first] = await receive(0);
    await send(10, 'b');
    await log.at(1_000, 'expire');
    const [again, other] = await receive(1_000);
    expect([again!.body, other!.body]).toEqual(['a', 'b']);
    expect(again!.receipt).toBeGreaterThan(first!.receipt);
    expect(again!.attempts).toBe(2);
    // The receiver that was late.
    for (const command of ['ack', 'nack', 'extend'])
      expect(await log.at(1_001, command, 'q', first!.id, first!.receipt, 0)).toBe(false);
    expect(await log.at(1_001, 'ack', 'q', again!.id, again!.receipt)).toBe(true);
    expect(await log.ask('status', 'q')).toEqual({ ready: 0, inFlight: 1, delayed: 0, dead: 0 });
  });

  it('takes no receipt whose time has ended, though nobody has ended it yet', async () => {
    await send(0, 'a');
    const [first] = await receive(0);
    expect(await log.at(1_000, 'ack', 'q', first!.id, first!.receipt)).toBe(false);
    expect(await log.at(999, 'ack', 'q', first!.id, first!.receipt)).toBe(false); // time never goes back
  });

  it('keeps a message that is extended', async () => {
    await send(0, 'a');
    const [first] = await receive(0);
    expect(await log.at(900, 'extend', 'q', first!.id, first!.receipt, 1_000)).toBe(true);
    await log.at(1_500, 'expire');
    expect(await receive(1_500)).toEqual([]);
    expect(await log.at(1_899, 'ack', 'q', first!.id, first!.receipt)).toBe(true);
  });

  it('makes a dead letter of what came back after its last attempt, and can redrive or discard it', async () => {
    await send(0, 'poison');
    const [first] = await receive(0);
    expect(await log.at(1, 'nack', 'q', first!.id, first!.receipt, 0)).toBe(true);
    const [second] = await receive(2);
    expect(await log.at(3, 'nack', 'q', second!.id, second!.receipt, 0)).toBe(true);
    expect(await receive(4)).toEqual([]);
    expect(await log.ask('deadLetters', 'q', 0, 10)).toEqual({
      messages: [{ id: 1, body: 'poison', attempts: 2 }],
      next: null,
    });
    expect(await log.at(5, 'redrive', 'q', [1, 99], 10)).toBe(1);
    const [third] = await receive(6);
    expect(third).toMatchObject({ id: 1, attempts: 1 });
    await log.at(10_000, 'expire');
    await receive(10_000);
    await log.at(20_000, 'expire');
    expect(await log.at(20_000, 'discard', 'q', null, 10)).toBe(1);
    expect(await log.ask('status', 'q')).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  it('delays messages by the time in the log', async () => {
    await send(0, 'later', 500);
    await send(0, 'now');
    expect(bodies(await receive(100))).toEqual(['now']);
    await log.at(500, 'expire');
    expect(bodies(await receive(500))).toEqual(['later']);
  });

  it('refuses what is too much', async () => {
    await log.at(0, 'send', 'q', 1, 0, 1);
    await expect(log.at(0, 'send', 'q', 2, 0, 1)).rejects.toMatchObject({
      reason: 'QUEUE_FULL',
      details: { length: 1 },
    });
  });

  it('goes on alike after a snapshot', async () => {
    await send(0, 'ready');
    await send(0, 'delayed', 700);
    await receive(0, { max: 1 });
    await send(0, 'b');
    const copy = await log.copy(new QueueMachine());
    expect(await copy.ask('status', 'q')).toEqual({ ready: 1, inFlight: 1, delayed: 1, dead: 0 });
    for (const each of [log, copy]) await each.at(1_000, 'expire');
    const ask = ['receive', 'q', ASK] as const;
    expect(await copy.at(1_000, ...ask)).toEqual(await log.at(1_000, ...ask));
  });
});

describe('queues of a cluster', () => {
  let cluster: PrimitiveCluster<QueueMachine>;
  beforeEach(async () => {
    cluster = await PrimitiveCluster.start(QueueMachine);
  });
  afterEach(() => cluster.stop());
  const queueOf = (node: PrimitiveNode<QueueMachine>, options: RaftQueueOptions = {}) =>
    new RaftQueue<string>('mails', options, node.parts);

  it('hand a message to one who waits on another node, at once', async () => {
    const [one, two] = cluster.followers as [PrimitiveNode<QueueMachine>, PrimitiveNode<QueueMachine>];
    const waiting = watch(queueOf(one).receive({ waitMs: 30_000 }));
    await cluster.pass(2_000);
    await cluster.ends(queueOf(two).send('hello'));
    // A follower learns with the next heartbeat what is committed.
    await cluster.pass(200);
    expect(waiting.value).toMatchObject([{ body: 'hello', attempts: 1 }]);
    expect(await cluster.ends(waiting.value![0]!.ack())).toBe(true);
  });

  it('hand on what a crashed receiver had, to one who waits, when its visibility ends', async () => {
    const [crashing, other] = cluster.followers as [PrimitiveNode<QueueMachine>, PrimitiveNode<QueueMachine>];
    await cluster.ends(queueOf(crashing).send('hello'));
    const [lost] = await cluster.ends(queueOf(crashing, { visibilityMs: 2_000 }).receive());
    const waiting = watch(queueOf(other).receive({ waitMs: 30_000 }));
    await cluster.pass(2_200);
    expect(waiting.value).toMatchObject([{ body: 'hello', attempts: 2 }]);
    expect(await cluster.ends(lost!.ack())).toBe(false);
  });

  it('answer an empty wait with nothing, also where a signal or the end of the application ends it', async () => {
    const queue = queueOf(cluster.leader);
    const aborter = new AbortController();
    const waits = [
      watch(queue.receive({ waitMs: 200 })),
      watch(queue.receive({ waitMs: 60_000, signal: aborter.signal })),
      watch(queue.receive({ waitMs: 60_000 })),
    ];
    await cluster.pass(300);
    expect(waits.map(({ settled }) => settled)).toEqual([true, false, false]);
    aborter.abort();
    await cluster.pass(10);
    expect(waits.map(({ settled }) => settled)).toEqual([true, true, false]);
    queue.onModuleDestroy();
    await cluster.pass(10);
    expect(waits.map(({ value }) => value)).toEqual([[], [], []]);
  });

  it('list, redrive and discard dead letters, and refuse what is too much with RAFT_BUSY', async () => {
    const queue = queueOf(cluster.leader, { maxAttempts: 1, maxLength: 3 });
    for (const body of ['a', 'b', 'c']) await cluster.ends(queue.send(body));
    expect((await cluster.cluster.outcome(queue.send('d'))).code).toBe('RAFT_BUSY');
    for (const message of await cluster.ends(queue.receive({ max: 3 }))) await cluster.ends(message.nack());
    const dead = (async () => {
      const found: string[] = [];
      for await (const { body } of queue.deadLetters()) found.push(body);
      return found;
    })();
    expect(await cluster.ends(dead)).toEqual(['a', 'b', 'c']);
    expect(await cluster.ends(queue.redrive())).toBe(3);
    expect(await cluster.ends(queue.status())).toMatchObject({ ready: 3, dead: 0 });
    for (const message of await cluster.ends(queue.receive({ max: 3 }))) await cluster.ends(message.nack());
    expect(await cluster.ends(queue.discard())).toBe(3);
  });
});
