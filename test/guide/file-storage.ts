import { once } from 'node:events';
import { copyFile, type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import * as raft from 'nestjs-raft';
import { decodeJson, encodeJson } from './json-bytes';

/** What the journal's lines say, in the order in which it happened. */
type Line =
  | { readonly open: raft.StoreBoot }
  | { readonly writes: readonly raft.GroupWrite[] }
  | { readonly snapshot: { group: raft.GroupId; metadata: raft.SnapshotMetadata; chunks: Uint8Array[] } }
  | { readonly compact: { group: raft.GroupId; to: raft.LogId } }
  | { readonly notes: string }
  | { readonly renewed: raft.NewOwner }
  | { readonly close: true };

/**
 * A store in a folder: a journal of lines, each with its checksum. What they say is kept in memory too, by the storage that
 * keeps the same contract there; what is answered is on the disk first.
 */
export class FileStorage implements raft.RaftStorage {
  private memory = new raft.MemoryStorage();
  private lock: Server | undefined;
  private journal: FileHandle | undefined;

  constructor(private readonly folder: string) {}

  /** Lock, then raise the epoch, then load: nobody can write in between. */
  async open(boot: raft.StoreBoot): Promise<raft.StoreIdentity> {
    await mkdir(this.folder, { recursive: true });
    await this.takeLock();
    try {
      await this.replay();
      const identity = await this.memory.open(boot);
      await this.append({ open: boot });
      return identity;
    } catch (error) {
      await this.letGo();
      throw error;
    }
  }

  load = (group: raft.GroupId) => this.memory.load(group);
  readSnapshot = (group: raft.GroupId, fromChunk?: number) => this.memory.readSnapshot(group, fromChunk);
  entries = (group: raft.GroupId, from: number, to: number, maxBytes: number) =>
    this.memory.entries(group, from, to, maxBytes);

  tail = (group: raft.GroupId, from: number, to: number, maxBytes: number) =>
    this.memory.tail(group, from, to, maxBytes);

  /** Refused by the memory before anything is written, where it doesn't follow; durable before it is answered. */
  async persist(writes: readonly raft.GroupWrite[]): Promise<void> {
    await this.memory.persist(writes);
    await this.append({ writes });
  }

  /** An append that failed may have landed, whole or in part: what the disk says counts. */
  async recover(): Promise<ReadonlyMap<raft.GroupId, number>> {
    await this.owned().close();
    await this.replay();
    return this.memory.recover();
  }

  async probe(): Promise<void> {
    await this.owned().datasync();
  }

  async writeSnapshot(
    group: raft.GroupId,
    metadata: raft.SnapshotMetadata,
    source: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk.slice());
    await this.memory.writeSnapshot(group, metadata, Readable.from(chunks));
    await this.append({ snapshot: { group, metadata, chunks } });
  }

  async compact(group: raft.GroupId, to: raft.LogId): Promise<void> {
    await this.memory.compact(group, to);
    await this.append({ compact: { group, to } });
  }

  async saveNotes(notes: string): Promise<void> {
    await this.memory.saveNotes(notes);
    await this.append({ notes });
  }

  /** The damaged journal is renamed last: until then the store is the old one. */
  async setAside({ nodeName, newIncarnation, notes, label }: raft.NewOwner): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    await this.takeLock();
    try {
      const [journal, next] = [path.join(this.folder, 'journal'), path.join(this.folder, 'journal.next')];
      const lines = (await readFile(journal, 'utf8').catch(() => '')).split(/(?<=\n)/).map(decodeLine);
      const owner = lines.flatMap((line) => (line && 'open' in line ? [line.open.nodeName] : [])).at(0);
      if (owner !== undefined && owner !== nodeName)
        throw new raft.StoreOwnerError(`The folder ${this.folder} belongs to node '${owner}'.`);
      const empty: Line = { renewed: { nodeName, newIncarnation, notes, label } };
      await writeFile(next, encodeLine(empty), { flush: true });
      const kept = path.join(this.folder, `journal.damaged_${label}`);
      await copyFile(journal, kept).catch(() => undefined);
      await rename(next, journal);
      return kept;
    } finally {
      await this.letGo();
    }
  }

  async close(): Promise<void> {
    if (this.journal !== undefined) await this.append({ close: true }).catch(() => undefined);
    await this.letGo();
  }

  /** What the end of the process does by itself: the lock is free, and nothing is written any more. */
  async letGo(): Promise<void> {
    const { lock, journal } = this;
    this.lock = this.journal = undefined;
    await journal?.close();
    if (lock !== undefined) await once(lock.close(), 'close');
  }

  private owned(): FileHandle {
    if (this.journal !== undefined) return this.journal;
    throw new raft.StoreFencedError(`The folder ${this.folder} is not open here (any more); nothing was written.`);
  }

  private async append(line: Line): Promise<void> {
    const journal = this.owned();
    await journal.appendFile(encodeLine(line));
    await journal.datasync();
  }

  /** A socket that somebody listens on ends with its process, as a lock has to. */
  private async takeLock(): Promise<void> {
    const file = path.join(this.folder, 'lock');
    const probe = connect(file);
    const isAlive = await once(probe, 'connect').catch(() => undefined);
    probe.destroy();
    if (isAlive) throw new raft.StoreLockedError(`The folder ${this.folder} is in use by another process.`);
    await rm(file, { force: true });
    this.lock = createServer((socket) => socket.destroy()).listen(file);
    await once(this.lock, 'listening');
  }

  private async replay(): Promise<void> {
    const file = path.join(this.folder, 'journal');
    this.journal = await open(file, 'a');
    const lines = (await readFile(file, 'utf8')).split(/(?<=\n)/);
    this.memory = new raft.MemoryStorage();
    let goodBytes = 0;
    for (const [at, text] of lines.entries()) {
      const line = decodeLine(text);
      if (line === undefined) {
        // The last line may be torn: it was never answered.
        if (at === lines.length - 1) break;
        throw new raft.StoreCorruptError(`Line ${at + 1} of ${file} is damaged: restore it, or add this node anew.`);
      }
      await redo(this.memory, line);
      goodBytes += Buffer.byteLength(text);
    }
    await this.journal.truncate(goodBytes);
    this.memory.medium.owner = undefined;
  }
}

async function redo(memory: raft.MemoryStorage, line: Line): Promise<unknown> {
  if ('writes' in line) return memory.persist(line.writes);
  if ('compact' in line) return memory.compact(line.compact.group, line.compact.to);
  if ('notes' in line) return memory.saveNotes(line.notes);
  if ('close' in line) return memory.close();
  if ('renewed' in line) return memory.setAside(line.renewed);
  if ('snapshot' in line)
    return memory.writeSnapshot(line.snapshot.group, line.snapshot.metadata, Readable.from(line.snapshot.chunks));
  memory.medium.owner = undefined;
  return memory.open(line.open);
}

function encodeLine(line: Line): string {
  const json = encodeJson(line);
  return `${crc32(json)} ${json}\n`;
}

function decodeLine(text: string): Line | undefined {
  const [, sum, json = ''] = /^(\d+) (.*)\n$/.exec(text) ?? [];
  return Number(sum) === crc32(json) && json !== '' ? (decodeJson(json) as Line) : undefined;
}
