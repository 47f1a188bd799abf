import type { OpenSessionOptions, RaftSession, ResumeSessionOptions } from '../../runtime/requests/client-session';
import type { MachineEventSource } from '../../runtime/options/raft-node-options';
import type { BarrierOptions, Ordered, ProposeOptions, QueryOptions } from '../../runtime/base/call-options';
import type { CancelOptions, ChangeOptions, MembershipView, MemberTarget } from '../../runtime/status/membership-view';
import type { NodeEvents } from '../../runtime/events/node-events';
import type { RepairResult } from '../../runtime/node/repairing';
import type { ClientSessionView } from '../../runtime/clients/session-list';
import type { SnapshotInfo } from '../../runtime/status/snapshot-status';
import type { RaftStatus } from '../../runtime/status/status';
import type { CommandOutcome } from '../../state-machine/contract';
import type { ApplicationDataSource } from '../../state-machine/declare/backing';
import type { MachineEventListener } from '../../state-machine/entries/machine-change';
import type { RaftStorage } from '../../storage/contract';
import type { RaftTransport } from '../../transport/contract';
import type { RaftSettings } from '../common/raft-settings';

/** What the module needs of a `RaftNode`. */
export interface HostedNode {
  start(): Promise<void>;
  stop(): Promise<void>;
  propose(command: Uint8Array, options?: ProposeOptions): Promise<Ordered<CommandOutcome>>;
  query(query: Uint8Array, options?: QueryOptions): Promise<Ordered<CommandOutcome>>;
  openSession(options?: OpenSessionOptions): Promise<RaftSession>;
  resumeSession(options: ResumeSessionOptions): RaftSession;
  sessions(): readonly ClientSessionView[];
  closeSession(id: string, options?: { readonly timeoutMs?: number }): Promise<void>;
  barrier(options?: BarrierOptions): Promise<number>;
  status(): RaftStatus;
  members(): MembershipView;
  changeMembership(target: readonly MemberTarget[], options?: ChangeOptions): Promise<MembershipView>;
  addMember(member: MemberTarget, options?: ChangeOptions): Promise<MembershipView>;
  promote(name: string, options?: ChangeOptions): Promise<MembershipView>;
  remove(name: string, options?: ChangeOptions): Promise<MembershipView>;
  cancelMembershipChange(options?: CancelOptions): Promise<MembershipView>;
  updateAddress(
    name: string,
    address: { readonly peer?: string; readonly http?: string },
    options?: ChangeOptions,
  ): Promise<MembershipView>;
  transferLeadership(name?: string): Promise<{ readonly leader: string }>;
  snapshot(): Promise<SnapshotInfo>;
  repair(options?: { readonly timeoutMs?: number }): Promise<RepairResult>;
  onStatus(listener: (status: RaftStatus) => void): () => void;
}

/** What a node is made of; what isn't given has its default. */
export interface NodeParts {
  readonly settings: RaftSettings;
  /** Instances of classes with `@RaftStateMachine`. */
  readonly machines: readonly object[];
  /** Other instances of the same classes, on which each command is run again; none where that isn't asked for. */
  readonly twins: readonly object[];
  /** Hears what they tell. */
  readonly onEvent: MachineEventListener;
  /** Where clients hear it from. */
  readonly machineEvents: MachineEventSource;
  /** What the node tells of its work. */
  readonly events: NodeEvents;
  /** @returns the application's data source of this name */
  readonly dataSource: (name: string) => ApplicationDataSource;
  readonly storage: RaftStorage | undefined;
  readonly transport: RaftTransport | undefined;
}

export type NodeFactory = (parts: NodeParts) => HostedNode;
