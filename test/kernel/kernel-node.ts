import {
  type AddressUpdate,
  type CancelResult,
  type ConfirmedRead,
  type Effects,
  type Entry,
  type KernelOptions,
  type KernelSnapshot,
  type LoadRequest,
  type MembershipChange,
  type MembershipResult,
  type Message,
  type PersistBatch,
  type ProposeResult,
  type ReplicaProgress,
  RaftKernel,
  type SnapshotWanted,
  type TargetMember,
  type TransferResult,
  type WithheldMessage,
} from '../../libs/raft/src/core';
import { KernelDisk } from './kernel-disk';

/** What a node is made with in each of its lives, but for what its store holds and what time it is. */
export type NodeOptions = Omit<KernelOptions, 'durable' | 'nowMs' | 'newStore' | 'appliedIndex'>;

/** How one node has driven its kernel: a store that can be held up, a state machine, and what its clients heard. */
export class KernelNode {
  kernel: RaftKernel;
  down = false;
  /** While held, the store takes a batch and doesn't answer: `finishWrite` lets it land. */
  diskHeld = false;
  /** While held, committed entries wait in `toApply`. */
  applyHeld = false;
  /** While held, requests for older entries wait in `loads`. */
  loadsHeld = false;

  writing: PersistBatch | undefined;
  withheld: WithheldMessage[] = [];
  loads: LoadRequest[] = [];
  toApply: Entry[] = [];
  applied: Entry[] = [];
  reads: ConfirmedRead[] = [];
  refusedReads: number[] = [];
  snapshotWanted: SnapshotWanted | undefined;

  constructor(
    readonly name: string,
    readonly options: NodeOptions,
    readonly disk: KernelDisk,
    private readonly clock: () => number,
    private readonly send: (message: Message) => void,
    newStore: boolean,
    private readonly machineIsDurable = false,
  ) {
    this.kernel = this.makeKernel(newStore);
  }

  /** The cluster's time, as the host would tell it. */
  clusterTimeMs: () => number | undefined = () => 1_700_000_000_000 + this.clock();

  get id(): number {
    return this.options.replicaId;
  }

  get role(): string {
    return this.kernel.status.role;
  }

  get term(): number {
    return this.kernel.status.term;
  }

  /** The terms of the log, from the first entry to the last. */
  get logTerms(): number[] {
    return Array.from({ length: this.kernel.lastIndex }, (_, at) => this.kernel.termAt(at + 1)!);
  }

  /** The commands that the state machine has seen. */
  get commands(): string[] {
    return this.applied
      .filter((entry) => entry.kind === 'command')
      .map((entry) => new TextDecoder().decode(entry.data));
  }

  propose(...commands: string[]): ProposeResult {
    const result = this.kernel.propose(
      commands.map((command) => ({
        kind: 'command' as const,
        schemaVersion: 1,
        data: new TextEncoder().encode(command),
      })),
      this.clock(),
    );
    this.settle();
    return result;
  }

  read(context: number, lease = false): void {
    this.kernel.readIndex(context, this.clock(), lease);
    this.settle();
  }

  campaign(): void {
    this.kernel.campaign(this.clock());
    this.settle();
  }

  tick(): void {
    this.kernel.tick(this.clock(), this.clusterTimeMs());
    this.settle();
  }

  receive(message: Message): void {
    this.kernel.step(message, this.clock());
    this.settle();
  }

  connectionClosed(peer: KernelNode): void {
    this.kernel.peerUnreachable(peer.id, this.clock());
    this.settle();
  }

  connectionOpened(peer: KernelNode): void {
    this.kernel.peerReachable(peer.id, this.clock());
    this.settle();
  }

  storageStalls(): void {
    this.diskHeld = true;
    this.kernel.storageStalled(this.clock());
    this.settle();
  }

  storageIsLost(): void {
    this.diskHeld = true;
    this.kernel.storageLost(this.clock());
    this.settle();
  }

  /** @param names who shall vote, and `name?` who shall learn; a node that is no member is new */
  changeMembership(names: readonly string[], options: Partial<MembershipChange> = {}): MembershipResult {
    const { members } = this.kernel.configuration.configuration;
    const target = names.map((text): TargetMember => {
      const name = text.replace('?', '');
      const known = members.find((member) => member.name === name);
      const fresh = { id: 0, name, peer: `${name}:7001`, http: '', incarnation: `store-of-${name}` };
      return { ...(known ?? fresh), voter: !text.endsWith('?') };
    });
    const change = { members: target, force: false, catchUpTimeoutMs: 60_000, ...options };
    const result = this.kernel.changeMembership(change, this.clock());
    this.settle();
    return result;
  }

  changeAddresses(updates: readonly AddressUpdate[]): MembershipResult {
    const result = this.kernel.changeAddresses(updates, this.clock());
    this.settle();
    return result;
  }

  cancelChange(waitMs = 0): CancelResult {
    const result = this.kernel.cancelMembershipChange(waitMs, this.clock());
    this.settle();
    return result;
  }

  /** The names of voters, outgoing voters in brackets, learners with a question mark. */
  get membership(): string {
    const { members, voters, outgoing } = this.kernel.configuration.configuration;
    return members
      .map(({ id, name }) => {
        if (voters.includes(id)) return name;
        return outgoing.includes(id) ? `(${name})` : `${name}?`;
      })
      .join(' ');
  }

  transfer(to?: KernelNode): TransferResult {
    const result = this.kernel.transferLeadership(to?.id, this.clock());
    this.settle();
    return result;
  }

  /** The log is cut behind its entry `index`, in the store and in the kernel. */
  compact(index: number): void {
    const to = { index, term: this.kernel.termAt(index)! };
    this.disk.cut(to);
    this.kernel.compacted(to, this.clock());
    this.settle();
  }

  /** The snapshot of what this node has applied. */
  snapshot(): KernelSnapshot {
    const { index, term } = this.applied.at(-1)!;
    return { last: { index, term }, configuration: this.kernel.configurationAt(index) };
  }

  /** Takes a snapshot of another node into the store, machine first. @returns whether the kernel had a use for it */
  install(from: KernelNode, snapshot = from.snapshot()): boolean {
    const taken = this.beginInstall(snapshot);
    if (taken) this.finishInstall(from, snapshot);
    return taken;
  }

  beginInstall(snapshot: KernelSnapshot): boolean {
    const taken = this.kernel.installSnapshot(snapshot, this.clock());
    this.settle();
    return taken;
  }

  finishInstall(from: KernelNode, snapshot: KernelSnapshot): void {
    this.applied = from.applied.filter(({ index }) => index <= snapshot.last.index);
    this.toApply = [];
    this.disk.cut(snapshot.last);
    this.kernel.snapshotInstalled(snapshot, this.clock());
    this.settle();
  }

  storageRecovers(): void {
    this.diskHeld = false;
    this.kernel.storageRecovered(this.clock());
    this.finishWrite();
  }

  /** The write that is on its way lands, and the store goes on. */
  finishWrite(): void {
    const batch = this.writing;
    if (batch !== undefined) {
      this.disk.land(batch);
      this.writing = undefined;
      this.kernel.persisted(batch.number, this.clock());
      const released = this.withheld.filter((withheld) => withheld.after <= batch.number);
      this.withheld = this.withheld.filter((withheld) => withheld.after > batch.number);
      for (const { message } of released) this.send(message);
    }
    this.settle();
  }

  /** Lets writes land until there is nothing left to write. */
  finishWrites(): void {
    do this.finishWrite();
    while (this.writing !== undefined);
  }

  finishApplying(): void {
    this.applyHeld = false;
    this.apply();
    this.settle();
  }

  /** Answers the oldest load, from the disk unless other entries are given. */
  answerLoad(entries?: readonly Entry[]): void {
    const load = this.loads.shift()!;
    this.kernel.entriesLoaded(load.id, entries ?? this.disk.slice(load.from, load.to), this.clock());
    this.settle();
  }

  matchOf(peer: KernelNode): number {
    return this.progressOf(peer).matchIndex;
  }

  progressOf(peer: KernelNode): ReplicaProgress {
    return this.kernel.progress().find((progress) => progress.id === peer.id)!;
  }

  /** The process ends: what it held in memory is gone, and so is a write that hasn't landed. */
  crash(): void {
    this.down = true;
    this.writing = undefined;
    this.withheld = [];
    this.loads = [];
    this.toApply = [];
    this.reads = [];
    this.refusedReads = [];
    if (!this.machineIsDurable) this.applied = [];
  }

  restart({ diskHeld = false } = {}): void {
    this.down = false;
    this.diskHeld = diskHeld;
    this.applyHeld = false;
    this.kernel = this.makeKernel(false);
    this.settle();
  }

  crashAndRestart(): void {
    this.crash();
    this.restart();
  }

  /** Does what the kernel asks for, until it asks for nothing more. */
  settle(): void {
    while (!this.down && this.kernel.hasEffects()) this.perform(this.kernel.takeEffects());
  }

  private perform(effects: Effects): void {
    for (const message of effects.sendNow) this.send(message);
    this.withheld.push(...effects.sendAfterPersist);
    if (effects.snapshotWanted !== undefined) this.snapshotWanted = effects.snapshotWanted;
    this.reads.push(...effects.reads);
    this.refusedReads.push(...effects.refusedReads.map((read) => read.context));
    this.toApply.push(...effects.apply);
    this.loads.push(...effects.loads);
    if (effects.persist !== undefined) this.writing = effects.persist;
    const durable = this.writing === undefined ? this.disk.lastBatch : this.writing.number - 1;
    const released = this.withheld.filter((withheld) => withheld.after <= durable);
    this.withheld = this.withheld.filter((withheld) => withheld.after > durable);
    for (const { message } of released) this.send(message);
    if (!this.applyHeld) this.apply();
    while (!this.loadsHeld && this.loads.length > 0) this.answerLoad();
    if (!this.diskHeld && this.writing !== undefined) this.finishWrite();
  }

  private apply(): void {
    const entries = this.toApply.splice(0);
    if (entries.length === 0) return;
    this.applied.push(...entries);
    this.kernel.applied(entries.at(-1)!.index, this.clock());
  }

  private makeKernel(newStore: boolean): RaftKernel {
    return new RaftKernel({
      ...this.options,
      durable: this.disk.load(),
      newStore,
      appliedIndex: this.applied.at(-1)?.index ?? 0,
      nowMs: this.clock(),
    });
  }
}
