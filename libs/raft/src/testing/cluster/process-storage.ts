import type { Entry } from '../../core/base/entry';
import type { GroupId } from '../../core/base/types';
import type { GroupWrite, LoadedGroup, NewOwner, RaftStorage, StoreBoot, StoreIdentity } from '../../storage/contract';
import type { SimulatedProcess } from '../simulator/simulated/simulated-process';

/** A store as one process sees it: once that was killed, nothing that it has under way reaches the store, and nobody hears of it. */
export class ProcessStorage implements RaftStorage {
  constructor(
    private readonly inner: RaftStorage,
    private readonly process: SimulatedProcess,
  ) {}

  open(boot: StoreBoot): Promise<StoreIdentity> {
    return this.alive(() => this.inner.open(boot));
  }

  load(group: GroupId): Promise<LoadedGroup | undefined> {
    return this.alive(() => this.inner.load(group));
  }

  persist(writes: readonly GroupWrite[]): Promise<void> {
    return this.alive(() => this.inner.persist(writes));
  }

  recover(): Promise<ReadonlyMap<GroupId, number>> {
    return this.alive(() => this.inner.recover());
  }

  probe(): Promise<void> {
    return this.alive(() => this.inner.probe());
  }

  entries(group: GroupId, from: number, to: number, maxBytes: number): Promise<readonly Entry[]> {
    return this.alive(() => this.inner.entries(group, from, to, maxBytes));
  }

  tail(...call: Parameters<RaftStorage['tail']>): ReturnType<RaftStorage['tail']> {
    return this.alive(() => this.inner.tail(...call));
  }

  writeSnapshot(...call: Parameters<RaftStorage['writeSnapshot']>): Promise<void> {
    return this.alive(() => this.inner.writeSnapshot(...call));
  }

  readSnapshot(...call: Parameters<RaftStorage['readSnapshot']>): ReturnType<RaftStorage['readSnapshot']> {
    return this.alive(() => this.inner.readSnapshot(...call));
  }

  compact(...call: Parameters<RaftStorage['compact']>): Promise<void> {
    return this.alive(() => this.inner.compact(...call));
  }

  saveNotes(notes: string): Promise<void> {
    return this.alive(() => this.inner.saveNotes(notes));
  }

  setAside(owner: NewOwner): Promise<string> {
    return this.alive(() => this.inner.setAside!(owner));
  }

  close(): Promise<void> {
    return this.alive(() => this.inner.close());
  }

  private async alive<T>(call: () => Promise<T>): Promise<T> {
    if (!this.process.isAlive) return forever();
    const answer = await call();
    return this.process.isAlive ? answer : forever();
  }
}

function forever<T>(): Promise<T> {
  return new Promise(() => undefined);
}
