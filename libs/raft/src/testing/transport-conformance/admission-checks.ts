import assert from 'node:assert/strict';
import type { TransportConformanceCheck } from './transport-conformance-check';
import { request } from './transport-conformance-context';

export const ADMISSION_CHECKS: readonly TransportConformanceCheck[] = [
  {
    name: 'asks both sides before it says that they are connected',
    run: async (context) => {
      const left = await context.start('left');
      const right = await context.start('right');
      await context.connect(left, right);
      assert.ok(right.asked.includes('left'), 'the listener was not asked');
      assert.ok(left.asked.includes('right'), 'the dialler was not asked');
    },
  },
  {
    name: 'delivers nothing of a peer that was refused, and tells that peer the sentence',
    run: async (context) => {
      const left = await context.start('left');
      const right = await context.start('right');
      right.admission = () => 'you are not welcome: test';
      left.transport.connect(right.address);
      await context.until(
        () => left.changes.some(({ state, detail }) => state === 'refused' && detail === 'you are not welcome: test'),
        'the refused peer hears why',
      );
      assert.equal(left.transport.send(right.address, request(1)), false);
      await context.settle();
      assert.deepEqual(right.received, []);
      assert.ok(
        !left.changes.some(({ state }) => state === 'connected'),
        'a refused peer was told that it is connected',
      );
    },
  },
  {
    name: 'sends nothing to a peer that this side refuses',
    run: async (context) => {
      const left = await context.start('left');
      const right = await context.start('right');
      left.admission = () => 'not you: test';
      left.transport.connect(right.address);
      await context.until(() => left.stateOf(right.address) === 'refused', 'the dialler refuses');
      assert.equal(left.transport.send(right.address, request(1)), false);
      await context.settle();
      assert.deepEqual(right.received, []);
    },
  },
  {
    name: 'refuses a node of another cluster, while its own nodes go on',
    run: async (context) => {
      const [left, right] = await context.pair();
      const stranger = context.create('stranger');
      stranger.clusterName = 'another';
      await stranger.start();
      stranger.transport.connect(right.address);
      await context.until(() => stranger.stateOf(right.address) === 'refused', 'the stranger is refused');
      stranger.transport.send(right.address, request(99));
      await context.deliver(left, right, request(1));
      assert.ok(!right.requestIds().includes(99), "the stranger's message was delivered");
    },
  },
  {
    name: 'lets a refused peer in once it is welcome',
    run: async (context) => {
      const left = await context.start('left');
      const right = await context.start('right');
      let welcome = false;
      right.admission = () => (welcome ? undefined : 'not yet');
      left.transport.connect(right.address);
      await context.until(() => left.stateOf(right.address) === 'refused', 'it is refused first');
      welcome = true;
      await context.deliver(left, right, request(1));
    },
  },
  {
    name: 'says hello anew on every connection when it announces',
    run: async (context) => {
      const [left, right] = await context.pair();
      left.clusterId = 'adopted';
      left.transport.announce();
      await context.until(() => {
        left.transport.send(right.address, request(1));
        return right.received.some(({ sender }) => sender.clusterId === 'adopted');
      }, 'messages come with the new hello');
    },
  },
  {
    name: 'asks again after an announcement, and ends the connection where the answer is no',
    run: async (context) => {
      const [left, right] = await context.pair();
      right.admission = ({ clusterId }) => (clusterId === 'foreign' ? 'another cluster: test' : undefined);
      left.clusterId = 'foreign';
      left.transport.announce();
      await context.until(() => left.stateOf(right.address) === 'refused', 'the connection is refused');
      const before = right.received.length;
      left.transport.send(right.address, request(1));
      await context.settle();
      assert.equal(right.received.length, before);
    },
  },
];
