import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** Below the range from which systems take the ports of outgoing connections, which would collide with a fixed one. */
const LOWEST = 20_000;
const HIGHEST = 32_767;

const portFile = (dataDir: string): string => `${dataDir}.port`;

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer();
    server.once('error', () => settle(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => settle(true)));
  });
}

/** The port of the last start where it is free, otherwise a free one at random. Another program can still be faster: try again then. */
export async function choosePort(dataDir: string): Promise<number> {
  const remembered = Number.parseInt(await readFile(portFile(dataDir), 'utf8').catch(() => ''), 10);
  if (remembered > 0 && remembered < 65_536 && (await isFree(remembered))) return remembered;
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (await isFree(port)) return port;
  }
}

export async function rememberPort(dataDir: string, port: number): Promise<void> {
  await writeFile(portFile(dataDir), `${port}\n`);
}
