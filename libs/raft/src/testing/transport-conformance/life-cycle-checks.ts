import assert from 'node:assert/strict';
import { isRaftError } from '../../errors/raft-error';
import type { RecordingNode } from './recording-node';
import type { TransportConformanceCheck } from './transport-conformance-check';
import { request, type TransportConformanceContext } from './transport-conformance-context';

export const LIFE_CYCLE_CHECKS: readonly TransportConformanceCheck[] = [
  {
    name: 'drops what is sent to nobody, and never throws',
    run: async (context) => {
      const gone = await context.start('gone');
      const nobody = gone.address;
      await gone.transport.stop();
      const node = context.create('left');
      assert.equal(node.transport.send(nobody, request(1)), false, 'before the start');
      await node.start();
      assert.equal(
        node.transport.send('nobody.invalid:1', request(1)),
        false,
        'to an address that was never connected',
      );
      node.transport.connect(nobody);
      assert.equal(node.transport.send(nobody, request(1)), false, 'while dialling');
      node.transport.connect('not an address');
      assert.equal(node.transport.send('not an address', request(1)), false, 'to what is no address');
      await context.until(() => node.stateOf(nobody) === 'refused', 'a closed port is reported as refused');
      assert.equal(node.transport.send(nobody, request(1)), false, 'where nobody listens');
      node.transport.disconnect(nobody);
      node.transport.disconnect('nobody.invalid:1');
      await node.transport.stop();
      assert.equal(node.transport.send(nobody, request(1)), false, 'after the stop');
      node.transport.announce();
      node.transport.connect(nobody);
    },
  },
  {
    name: 'starts again after a stop, and is reached as before',
    run: async (context) => {
      const [left, right] = await context.pair();
      await left.transport.stop();
      await left.start();
      await context.connect(left, right);
      await context.connect(right, left);
      assert.ok(left.transport.send(right.address, request(7)), 'from the one that was started again');
      assert.ok(right.transport.send(left.address, request(8)), 'to it');
      await context.until(() => right.received.length > 0 && left.received.length > 0, 'both have come');
    },
  },
  {
    name: 'never makes a sender wait',
    run: async (context) => {
      const [left, right] = await context.pair();
      const body = new Uint8Array(100_000);
      const started = performance.now();
      for (let id = 1; id <= 300; id++) left.transport.send(right.address, request(id, body));
      const tookMs = performance.now() - started;
      assert.ok(tookMs < 3000, `300 sends took ${Math.round(tookMs)} ms`);
    },
  },
  {
    name: 'says connecting, then connected; and connects once, however often it is asked to',
    run: async (context) => {
      const left = await context.start('left');
      const right = await context.start('right');
      left.transport.connect(right.address);
      left.transport.connect(right.address);
      await context.connect(left, right);
      await context.settle();
      assert.deepEqual(
        left.changes.map(({ state }) => state),
        ['connecting', 'connected'],
      );
    },
  },
  {
    name: 'connects to addresses that were named before the start',
    run: async (context) => {
      const right = await context.start('right');
      const left = context.create('left');
      left.transport.connect(right.address);
      await left.start();
      await context.deliver(left, right, request(1));
    },
  },
  {
    name: 'says that a connection closed, and makes it again when the peer is back',
    run: async (context) => {
      const [left, right] = await context.pair();
      await right.transport.stop();
      await context.until(
        () => left.changes.some(({ state }) => state === 'closed') && left.stateOf(right.address) !== 'connected',
        'the loss is reported',
      );
      const again = await context.start('right', right.address);
      assert.equal(again.address, right.address);
      await context.deliver(left, again, request(1));
      assert.equal(left.stateOf(right.address), 'connected');
    },
  },
  {
    name: 'leaves a peer alone after disconnecting, and still hears it',
    run: async (context) => {
      const [left, right] = await context.pair();
      left.transport.disconnect(right.address);
      assert.equal(left.transport.send(right.address, request(1)), false);
      await context.settle();
      assert.equal(left.transport.send(right.address, request(1)), false, 'it dialled again');
      await context.deliver(right, left, request(2));
      await context.connect(left, right);
    },
  },
  {
    name: 'refuses an address that is taken, with a sentence that names the option',
    run: async (context) => {
      const left = await context.start('left');
      const second = context.create('second', left.address);
      await assert.rejects(second.start(), (error) => {
        assert.ok(isRaftError(error) && error.code === 'RAFT_CONFIGURATION', `it was: ${String(error)}`);
        assert.match(error.message, /peers\.listen/);
        return true;
      });
    },
  },
  {
    name: 'falls silent when it is stopped, both ways, however often',
    run: async (context) => {
      const [left, right] = await context.pair();
      await context.deliver(left, right, request(1));
      const flood = setInterval(() => {
        for (let id = 0; id < 20; id++) left.transport.send(right.address, request(id, new Uint8Array(10_000)));
      }, 1);
      try {
        await context.until(() => right.received.length > 20, 'the flood arrives');
        await Promise.all([right.transport.stop(), right.transport.stop()]);
        await quiet(context, right);
      } finally {
        clearInterval(flood);
      }
      await left.transport.stop();
      await quiet(context, left);
    },
  },
];

async function quiet(context: TransportConformanceContext, node: RecordingNode): Promise<void> {
  const { length: received } = node.received;
  const { length: changes } = node.changes;
  const { length: asked } = node.asked;
  await context.settle();
  assert.equal(node.received.length, received, 'messages came after the stop');
  assert.equal(node.changes.length, changes, 'connections changed after the stop');
  assert.equal(node.asked.length, asked, 'peers asked to be admitted after the stop');
}
