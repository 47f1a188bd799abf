import { createServer } from 'node:net';

/** Below the range from which the kernel gives ports to outgoing connections, so that a port that is free now stays free. */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const ATTEMPTS = 500;

const given = new Set<number>();

/**
 * Ports of 127.0.0.1 on which nobody listens: each was bound, and none is given twice.
 *
 * @param lowest from here on, and below `highest`
 */
export async function freePorts(count: number, lowest = LOWEST, highest = HIGHEST): Promise<number[]> {
  const found: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && found.length < count; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    found.push(port);
  }
  if (found.length < count) throw new Error(`No ${count} free ports between ${lowest} and ${highest}`);
  return found;
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
