// Which ports the nodes get.
import net from 'node:net';

const host = '127.0.0.1';
/** Below it, the kernel gives no port to outgoing connections, so a port that is free now stays free. */
const lowest = 20_000;
const highest = 32_000;

/**
 * @returns {Promise<Array<{http: number, peer: number}>>} ports of so many nodes, and of one that may join them
 * @throws {Error} naming a port that is busy; that of the last is the business of who starts it
 */
export async function portsFrom(basePort, count) {
  const peerBase = basePort + 10_000 + count <= 65_535 ? basePort + 10_000 : basePort - 10_000;
  const ports = Array.from({ length: count + 1 }, (_, at) => ({ http: basePort + at, peer: peerBase + at }));
  for (const port of ports.slice(0, count).flatMap(({ http, peer }) => [http, peer]))
    if (!(await isFree(port)))
      throw new Error(
        `Port ${port} on ${host} is busy: is a demo running already? Otherwise choose other ports with --base-port`,
      );
  return ports;
}

/** @returns {Promise<Array<{http: number, peer: number}>>} ports that nobody listens on */
export async function freePorts(count) {
  const found = [];
  for (let attempt = 0; attempt < 500 && found.length < 2 * count; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (!found.includes(port) && (await isFree(port))) found.push(port);
  }
  if (found.length < 2 * count) throw new Error(`No free ports between ${lowest} and ${highest} on ${host}`);
  return Array.from({ length: count }, (_, at) => ({ http: found[2 * at], peer: found[2 * at + 1] }));
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
