import type { Entry } from '../../libs/raft/src/core/base/entry';
import type { GroupId } from '../../libs/raft/src/core/base/types';
import type {
  GroupWrite,
  LoadedGroup,
  NewOwner,
  RaftStorage,
  StoreBoot,
  StoreIdentity,
} from '../../libs/raft/src/storage/contract';

type Operation = 'persist' | 'probe' | 'recover' | 'entries' | 'notes' | 'close';

/** Lets a test say when a store's answers come, and whether. What is held has not happened yet. */
export class GatedStorage implements RaftStorage {
  /** Every write that was handed over, landed or not. */
  readonly writes: GroupWrite[] = [];
  /** Called with each call of the store; what it throws is the answer. */
  before: ((operation: Operation) => void) | undefined;
  /** Called when a write has landed; what it throws is the answer all the same. */
  afterPersist: (() => void) | undefined;
  private readonly gates = new Map<Operation, { readonly closed: Promise<void>; open(): void }>();
  private session = 0;

  constructor(private readonly inner: RaftStorage) {}

  hold(...operations: readonly Operation[]): void {
    for (const operation of operations) {
      let open = (): void => undefined;
      const closed = new Promise<void>((resolve) => (open = resolve));
      this.gates.set(operation, { closed, open });
    }
  }

  release(...operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.gates.get(operation)?.open();
      this.gates.delete(operation);
    }
  }

  openAll(): void {
    this.release('persist', 'probe', 'recover', 'entries', 'notes', 'close');
  }

  open(boot: StoreBoot): Promise<StoreIdentity> {
    return this.inner.open(boot);
  }

  load(group: GroupId): Promise<LoadedGroup | undefined> {
    return this.inner.load(group);
  }

  async persist(writes: readonly GroupWrite[]): Promise<void> {
    this.writes.push(...writes);
    await this.pass('persist');
    await this.inner.persist(writes);
    this.afterPersist?.();
  }

  /** What is held on the session before never happens. */
  async recover(): Promise<ReadonlyMap<GroupId, number>> {
    this.session++;
    await this.pass('recover');
    return this.inner.recover();
  }

  async probe(): Promise<void> {
    await this.pass('probe');
    await this.inner.probe();
  }

  async entries(group: GroupId, from: number, to: number, maxBytes: number): Promise<readonly Entry[]> {
    await this.pass('entries');
    return this.inner.entries(group, from, to, maxBytes);
  }

  tail(...call: Parameters<RaftStorage['tail']>): ReturnType<RaftStorage['tail']> {
    return this.inner.tail(...call);
  }

  writeSnapshot(...call: Parameters<RaftStorage['writeSnapshot']>): Promise<void> {
    return this.inner.writeSnapshot(...call);
  }

  readSnapshot(...call: Parameters<RaftStorage['readSnapshot']>): ReturnType<RaftStorage['readSnapshot']> {
    return this.inner.readSnapshot(...call);
  }

  compact(...call: Parameters<RaftStorage['compact']>): Promise<void> {
    return this.inner.compact(...call);
  }

  async saveNotes(notes: string): Promise<void> {
    await this.pass('notes');
    await this.inner.saveNotes(notes);
  }

  setAside(owner: NewOwner): Promise<string> {
    return this.inner.setAside!(owner);
  }

  async close(): Promise<void> {
    await this.pass('close');
    await this.inner.close();
  }

  private async pass(operation: Operation): Promise<void> {
    const { session } = this;
    await this.gates.get(operation)?.closed;
    if ((operation === 'persist' || operation === 'probe') && session !== this.session)
      throw new Error('the session was replaced');
    this.before?.(operation);
  }
}
