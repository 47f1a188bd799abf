import { tcpTransport, type TcpTransportOptions } from 'nestjs-raft';
import type { Hello } from '../../libs/raft/src/transport/contract';
import { RecordingNode } from '../../libs/raft/src/testing/transport-conformance/recording-node';

const stops: (() => unknown)[] = [];
const lines: string[] = [];

export const logger = {
  debug: () => {},
  log: (line: string) => lines.push(line),
  warn: (line: string) => lines.push(line),
  error: (line: string) => lines.push(line),
};

/** What all transports of the test have logged. */
export function logged(): string {
  return lines.join('\n');
}

export function atTheEnd(stop: () => unknown): void {
  stops.push(stop);
}

export async function stopAll(): Promise<void> {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  lines.length = 0;
}

export async function startNode(
  name: string,
  options: Partial<TcpTransportOptions>,
  isMember: (peer: Hello) => boolean = () => false,
): Promise<RecordingNode> {
  const transport = tcpTransport({ listen: '127.0.0.1:0', logger, ...options });
  const node = Object.assign(new RecordingNode(name, transport), {
    memberOf: (peer: Hello) => (isMember(peer) ? { peer: peer.advertise } : undefined),
  });
  await node.start();
  atTheEnd(() => transport.stop());
  return node;
}

export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 20 s: ${what}; log: ${logged()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
