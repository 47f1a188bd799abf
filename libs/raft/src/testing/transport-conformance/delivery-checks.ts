import assert from 'node:assert/strict';
import type { TransportConformanceCheck } from './transport-conformance-check';
import { SAMPLE_MESSAGES } from './sample-messages';
import { request } from './transport-conformance-context';

const MEBIBYTE = 1024 * 1024;

export const DELIVERY_CHECKS: readonly TransportConformanceCheck[] = [
  {
    name: 'delivers a message of each kind unchanged, and says who sent it',
    run: async (context) => {
      const [left, right] = await context.pair();
      for (const message of SAMPLE_MESSAGES) {
        await context.deliver(left, right, message);
        const { message: arrived, sender } = right.received.find((one) => one.message.kind === message.kind)!;
        assert.deepEqual(plain(arrived), plain(message));
        assert.deepEqual(sender, left.hello());
      }
    },
  },
  {
    name: 'carries messages both ways',
    run: async (context) => {
      const [left, right] = await context.pair();
      await context.deliver(left, right, request(1));
      await context.deliver(right, left, request(2));
    },
  },
  {
    name: 'hands a message over after send has returned, never within it',
    run: async (context) => {
      const [left, right] = await context.pair();
      for (let id = 1; id <= 20; id++) {
        const before = right.received.length;
        left.transport.send(right.address, request(id));
        assert.equal(right.received.length, before, 'the receiver was called while the sender was still sending');
      }
    },
  },
  {
    name: 'keeps nothing of what it received in common with what is sent afterwards',
    run: async (context) => {
      const [left, right] = await context.pair();
      const body = new Uint8Array(1000).fill(1);
      await context.deliver(left, right, request(1, body));
      body.fill(2);
      for (let id = 2; id < 50; id++) left.transport.send(right.address, request(id, body));
      await context.until(() => right.requestIds().length > 10, 'more requests arrive');
      const [first] = right.received;
      assert.equal(first?.message.kind, 'request');
      assert.ok(
        first.message.body.every((byte) => byte === 1),
        'bytes that were delivered changed afterwards',
      );
    },
  },
  {
    name: 'delivers a message of 4 MiB',
    run: async (context) => {
      const [left, right] = await context.pair();
      const body = new Uint8Array(4 * MEBIBYTE).map((_, at) => at % 251);
      await context.deliver(left, right, request(1, body));
      const [first] = right.received;
      assert.equal(first?.message.kind, 'request');
      assert.ok(Buffer.from(first.message.body).equals(body), 'the bytes are others');
    },
  },
  {
    name: 'drops a message that is too large for it, and goes on',
    run: async (context) => {
      const [left, right] = await context.pair();
      left.transport.send(right.address, request(1, new Uint8Array(80 * MEBIBYTE)));
      await context.deliver(left, right, request(2));
    },
  },
  {
    name: 'carries 32 messages of 1 MiB both ways at the same time',
    run: async (context) => {
      const [left, right] = await context.pair();
      const body = new Uint8Array(MEBIBYTE).fill(7);
      const ways = [
        { from: left, to: right },
        { from: right, to: left },
      ].map((way) => ({ ...way, next: 1 }));
      await context.until(
        () => {
          for (const way of ways) {
            while (way.next <= 32 && way.from.transport.send(way.to.address, request(way.next, body))) way.next += 1;
            // What was lost on the way is sent again, once everything has had its turn.
            if (way.next > 32 && way.from.transport.backlogBytes(way.to.address) === 0) {
              const arrived = new Set(way.to.requestIds());
              for (let id = 1; id <= 32; id++)
                if (!arrived.has(id)) way.from.transport.send(way.to.address, request(id, body));
            }
          }
          return ways.every(({ to }) => new Set(to.requestIds()).size === 32);
        },
        () => `all arrive; ${ways.map(({ to }) => `${to.name} has ${new Set(to.requestIds()).size}`).join(', ')}`,
      );
    },
  },
  {
    name: 'says what is still to be sent, and that it is nothing once everything has gone',
    run: async (context) => {
      const [left, right] = await context.pair();
      assert.equal(left.transport.backlogBytes('nobody.invalid:1'), 0);
      left.transport.send(right.address, request(1, new Uint8Array(100_000)));
      assert.ok(left.transport.backlogBytes(right.address) >= 0);
      await context.until(() => left.transport.backlogBytes(right.address) === 0, 'the backlog drains');
    },
  },
];

/** The same for a Uint8Array and a Buffer of the same bytes: either may be delivered. */
function plain(value: object): unknown {
  return JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, key, part: unknown) {
      // A Buffer has turned itself into something else by the time that it is handed over.
      const bytes = this[key];
      return ArrayBuffer.isView(bytes) ? [...new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)] : part;
    }),
  );
}
