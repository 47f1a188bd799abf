import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { RecordingNode } from '../../testing/transport-conformance/recording-node';
import { tcpTransport } from './index';

const logger = { debug: () => {}, log: () => {}, warn: () => {}, error: () => {} };

/** A node in a process of its own, of these very sources; it prints its address and then the number of each request. */
const CHILD = `
  const { readFileSync } = require('node:fs');
  const { transformSync } = require('@swc/core');
  require('reflect-metadata');
  require.extensions['.ts'] = (module, filename) => module._compile(transformSync(readFileSync(filename, 'utf8'), {
    filename, swcrc: false, module: { type: 'commonjs' },
    jsc: { target: 'es2023', parser: { syntax: 'typescript', decorators: true } },
  }).code, filename);
  const { tcpTransport } = require('./index.ts');
  const { RecordingNode } = require('../../testing/transport-conformance/recording-node.ts');
  const quiet = () => {};
  const node = new RecordingNode('child', tcpTransport({
    listen: process.argv[1], logger: { debug: quiet, log: quiet, warn: quiet, error: quiet },
  }));
  node.receive = (message) => console.log('got ' + message.id);
  node.start().then((address) => console.log('at ' + address));
  process.on('SIGTERM', () => node.transport.stop());
  for (const peer of process.argv.slice(2)) node.transport.connect(peer);
`;

interface Child {
  readonly process: ChildProcess;
  readonly address: string;
  readonly got: Set<number>;
}

const children: ChildProcess[] = [];
const nodes: RecordingNode[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(nodes.splice(0).map((node) => node.transport.stop()));
});

async function startChild(listen = '127.0.0.1:0', peers: readonly string[] = []): Promise<Child> {
  const child = spawn(process.execPath, ['-e', CHILD, listen, ...peers], {
    cwd: __dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const got = new Set<number>();
  const lines = createInterface(child.stdout);
  const [first] = (await once(lines, 'line')) as [string];
  lines.on('line', (line) => got.add(Number(line.slice('got '.length))));
  return { process: child, address: first.slice('at '.length), got };
}

async function startNode(): Promise<RecordingNode> {
  const node = new RecordingNode('parent', tcpTransport({ listen: '127.0.0.1:0', logger }));
  nodes.push(node);
  await node.start();
  return node;
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function call(id: number, bytes = 1) {
  return { kind: 'request' as const, groupId: 'g', id, method: 'm', timeoutMs: 1, body: new Uint8Array(bytes) };
}

describe('the TCP transport between processes', () => {
  it('sees at once that a peer was killed, and finds it again when it is back', async () => {
    const node = await startNode();
    const child = await startChild();
    node.transport.connect(child.address);
    await until(() => node.stateOf(child.address) === 'connected', 'connected');

    const killedAt = performance.now();
    child.process.kill('SIGKILL');
    await until(() => node.stateOf(child.address) !== 'connected', 'the close is seen');
    const seenAfterMs = performance.now() - killedAt;
    expect(node.changes.find(({ state }) => state === 'closed')).toBeDefined();
    // Milliseconds, where nothing else runs; far below the time-out of a ping is what has to hold.
    expect(seenAfterMs).toBeLessThan(1000);
    await until(() => node.stateOf(child.address) === 'refused', 'nobody listens there any more');

    const again = await startChild(child.address);
    await until(() => node.stateOf(child.address) === 'connected', 'connected again');
    node.transport.send(child.address, call(7));
    await until(() => again.got.has(7), 'messages flow again');
  }, 300_000);

  it('serves the others while one peer is stopped (SIGSTOP), and that one again when it goes on', async () => {
    const node = await startNode();
    const [stopped, other] = await Promise.all([startChild(), startChild()]);
    for (const { address } of [stopped, other]) {
      node.transport.connect(address);
      await until(() => node.stateOf(address) === 'connected', 'connected');
    }
    stopped.process.kill('SIGSTOP');
    try {
      // Bulk for the stopped one until it is dropped, and calls to the other all the while.
      let dropped = 0;
      let slowestMs = 0;
      for (let id = 1; id <= 60; id++) {
        for (let part = 0; part < 5; part++) if (!node.transport.send(stopped.address, call(id, 200_000))) dropped += 1;
        const sentAt = performance.now();
        node.transport.send(other.address, call(id));
        await until(() => other.got.has(id), 'the other one answers');
        slowestMs = Math.max(slowestMs, performance.now() - sentAt);
      }
      expect(dropped).toBeGreaterThan(0);
      expect(node.transport.backlogBytes(stopped.address)).toBeLessThan(2 * 1024 * 1024);
      // A stopped peer holds its connection for seconds; had the other waited for it, this would be seconds, too.
      expect(slowestMs).toBeLessThan(2000);
    } finally {
      stopped.process.kill('SIGCONT');
    }
    await until(() => {
      node.transport.send(stopped.address, call(9999));
      return stopped.got.has(9999);
    }, 'the one that went on hears again');
  }, 300_000);

  it('leaves nothing open when it is stopped: the process ends by itself', async () => {
    const node = await startNode();
    const refusing = await startNode();
    refusing.admission = () => 'not you';
    const child = await startChild('127.0.0.1:0', [node.address, refusing.address, '127.0.0.1:1']);
    node.transport.connect(child.address);
    await until(() => node.stateOf(child.address) === 'connected', 'connected');
    await until(() => refusing.asked.length > 0, 'refused by the other');

    child.process.kill('SIGTERM');
    const [code] = (await once(child.process, 'exit')) as [number | null];
    expect(code).toBe(0);
  }, 300_000);
});
