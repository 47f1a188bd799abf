import { open, rename, stat } from 'node:fs/promises';

const LARGEST_BYTES = 8 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

export const logFileOf = (dataDir: string): string => `${dataDir}.log`;

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Begins a new log where the old one is large, and tells where this start's lines begin. Only while no server writes to it. */
export async function prepareLog(dataDir: string): Promise<{ path: string; from: number }> {
  const path = logFileOf(dataDir);
  const size = await sizeOf(path);
  if (size <= LARGEST_BYTES) return { path, from: size };
  await rename(path, `${path}.1`);
  return { path, from: 0 };
}

/** What the server wrote since then, at most the last 16 KiB. */
export async function readLog(path: string, from: number): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const start = Math.max(from, size - TAIL_BYTES);
      const bytes = Buffer.alloc(Math.max(0, size - start));
      await file.read(bytes, 0, bytes.length, start);
      return bytes.toString('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}

export const lastLines = (text: string, count = 12): string => text.trimEnd().split('\n').slice(-count).join('\n');
