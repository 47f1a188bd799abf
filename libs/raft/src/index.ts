export { RaftModule, type RaftModuleAsyncOptions } from './nest/module/raft.module';
export type {
  RaftElectionOptions,
  RaftModuleExtras,
  RaftModuleOptions,
  RaftOptionsFactory,
  RaftPart,
  RaftPartFactory,
  RaftPeersOptions,
} from './nest/common/raft-module-options.interface';
export { raftOptionsFromEnv } from './nest/common/raft-options-from-env';

export { RaftClientModule, type RaftClientModuleAsyncOptions } from './nest/client/raft-client.module';
export type {
  RaftClientModuleExtras,
  RaftClientModuleOptions,
  RaftClientOptionsFactory,
} from './nest/client/raft-client-module-options.interface';
export { RaftClientService } from './nest/client/raft-client.service';
export { getRaftClientToken, InjectRaftClient } from './nest/client/get-raft-client-token';
export { RaftClient } from './client/raft-client';
export {
  raftClientOptions,
  type RaftClientLimits,
  type RaftClientOptions,
  type RaftClientSettings,
} from './client/raft-client-options';
export type { ClientNodeStatus, RaftClientStatus } from './client/raft-client-status';

export { RaftService } from './nest/services/raft.service';
export { RaftAdminService } from './nest/services/raft-admin.service';
export { RaftEventsService, type RaftSnapshotEvent, type RaftStreamOptions } from './nest/services/raft-events.service';
export { getRaftEventsToken } from './nest/services/get-raft-events-token';
export { getRaftAdminToken } from './nest/services/get-raft-admin-token';
export { getRaftToken } from './nest/services/get-raft-token';
export { InjectRaft } from './nest/services/inject-raft.decorator';
export { getStateMachineToken } from './nest/common/get-state-machine-token';
export { InjectStateMachine } from './nest/common/inject-state-machine.decorator';

export { LeaderOnly } from './nest/leader-only/leader-only.decorator';
export { LinearizableRead } from './nest/reads/linearizable-read.decorator';
export { StaleRead } from './nest/reads/stale-read.decorator';
export type { LinearizableReadOptions, StaleReadOptions } from './nest/reads/handler-read.interface';
export { LeaderOnlyGuard } from './nest/leader-only/leader-only.guard';
export type { LeaderOnlyOptions, LeaderOnlyPolicy, OnFollower } from './nest/common/leader-only.interface';
export {
  RaftLockService,
  type RaftLock,
  type RaftLockOptions,
  type RaftLockStatus,
} from './nest/primitives/lock/raft-lock.service';
export { getRaftLockToken } from './nest/primitives/lock/get-raft-lock-token';
export { InjectRaftLock } from './nest/primitives/lock/inject-raft-lock.decorator';
export { Locked, type LockedOptions } from './nest/primitives/lock/locked.decorator';
export { getRaftMapToken, InjectRaftMap, raftMap } from './nest/primitives/map/raft-map.feature';
export {
  RaftMap,
  type RaftMapEntry,
  type RaftMapPage,
  type RaftMapScanOptions,
  type RaftMapSetOptions,
  type RaftMapWatchOptions,
} from './nest/primitives/map/raft-map';
export type { RaftMapChange } from './nest/primitives/map/map-record';
export { getRaftCounterToken, InjectRaftCounter, raftCounter } from './nest/primitives/counter/raft-counter.feature';
export { RaftCounter } from './nest/primitives/counter/raft-counter';
export {
  getRaftSequenceToken,
  InjectRaftSequence,
  raftSequence,
} from './nest/primitives/sequence/raft-sequence.feature';
export { RaftSequence, type RaftSequenceOptions } from './nest/primitives/sequence/raft-sequence';
export type { RaftSequenceBlock } from './nest/primitives/sequence/sequence.machine';
export { getRaftQueueToken, InjectRaftQueue, raftQueue } from './nest/primitives/queue/raft-queue.feature';
export {
  RaftQueue,
  type RaftDeadLetter,
  type RaftQueueMessage,
  type RaftQueueOptions,
  type RaftQueueReceiveOptions,
} from './nest/primitives/queue/raft-queue';
export type { QueueStatus as RaftQueueStatus } from './nest/primitives/queue/queue.machine';
export {
  getRaftSemaphoreToken,
  InjectRaftSemaphore,
  raftSemaphore,
} from './nest/primitives/semaphore/raft-semaphore.feature';
export { RaftSemaphore, type RaftPermit, type RaftSemaphoreOptions } from './nest/primitives/semaphore/raft-semaphore';
export { getRaftBarrierToken, InjectRaftBarrier, raftBarrier } from './nest/primitives/barrier/raft-barrier.feature';
export {
  RaftBarrier,
  type RaftBarrierOptions,
  type RaftBarrierPass,
  type RaftBarrierWaitOptions,
} from './nest/primitives/barrier/raft-barrier';
export type { BarrierStatus as RaftBarrierStatus } from './nest/primitives/barrier/barrier.machine';
export type { RaftReadOptions } from './nest/primitives/shared/read-options';
export type { RaftPrimitive } from './nest/common/primitive';
export type { RaftLease } from './nest/primitives/lease/held-lease';
export type { RaftLeaseOptions } from './nest/primitives/lease/lease-options';

export { LeaderCron } from './nest/jobs/decorators/leader-cron.decorator';
export { LeaderInterval } from './nest/jobs/decorators/leader-interval.decorator';
export type { LeaderJobDecorator } from './nest/jobs/decorators/leader-job.metadata';
export type {
  LeaderCronOptions,
  LeaderJobOptions,
  LeaderRun,
  LeaderRunTrigger,
  RaftJob,
  RaftJobRun,
} from './nest/jobs/schedule/leader-job.interface';
export { type RaftJobHistoryOptions, RaftJobsService } from './nest/jobs/raft-jobs.service';
export { getRaftJobsToken } from './nest/jobs/get-raft-jobs-token';
export { InjectRaftJobs } from './nest/jobs/inject-raft-jobs.decorator';

export { OnLeadershipAcquired } from './nest/leadership/on-leadership-acquired.decorator';
export { OnLeadershipLost } from './nest/leadership/on-leadership-lost.decorator';
export type { LeadershipHookDecorator } from './nest/leadership/leadership-hook.metadata';
export type { Leadership, LeadershipHookOptions } from './nest/leadership/leadership.interface';

export {
  isRaftError,
  RaftError,
  type LeaderHint,
  type RaftErrorCode,
  type RaftErrorDetails,
} from './errors/raft-error';
export { RAFT_ERRORS, type RaftErrorDescription } from './nest/errors/raft-error.table';
export type { RaftErrorBody, RaftErrorPayload } from './nest/errors/raft-error-response';
export { RaftExceptionFilter, type RaftErrorEvent } from './nest/errors/raft-exception.filter';
export { RaftHttpException } from './nest/errors/raft-http.exception';

export {
  CommandContext,
  createReplicated,
  isRaftRejection,
  QueryContext,
  RaftCommand,
  RaftQuery,
  RaftRejection,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  StateMachineHost,
  UnsupportedValueError,
  type CommandCall,
  type CommandSession,
  type MachineEventListener,
  type QueryCall,
  type RaftChange,
  type ApplicationDataSource,
  type ArgumentCheck,
  type ArgumentUpgrade,
  type RaftCommandOptions,
  type StandardSchema,
  type RaftMachineEvent,
  type RaftStateReplaced,
  type Replicated,
  type ReplicatedClient,
  type ReplicatedQueries,
  type SessionCalls,
  type SnapshotKey,
  type StateMachineClass,
  type StateMachineHostOptions,
  type StateMachineLogger,
} from './state-machine';

export { RaftNode } from './runtime/node/raft-node';
export {
  type OpenSessionOptions,
  RaftSession,
  type ResumeSessionOptions,
  SessionTicket,
} from './runtime/requests/client-session';
export type { ClientSessionView } from './runtime/clients/session-list';
export { raftNodeOptions, type RaftNodeSettings } from './runtime/options/default-options';
export { SystemScheduler } from './runtime/base/system-scheduler';
export type { Scheduler, TimerHandle } from './runtime/base/scheduler';
export type { CallTrace, CallTracer, TracedCall } from './runtime/events/call-tracer';
export type { CallOutcome, RequestKind } from './runtime/base/request-kind';
export { NodeEvents, RAFT_EVENT_NAMES, raftChannel } from './runtime/events/node-events';
export type {
  ApplyEvent,
  CallOrigin,
  ElectionEvent,
  EventSource,
  LeadershipEvent,
  MembershipEvent,
  PeerEvent,
  PersistEvent,
  ProposalEvent,
  QueuesEvent,
  RaftEventMap,
  RaftEventName,
  ReadEvent,
  RoundTripEvent,
  SnapshotInstalledEvent,
  SnapshotSentEvent,
  SnapshotTakenEvent,
} from './runtime/events/raft-events';
export type {
  FounderOptions,
  MachineEventSource,
  RaftLimits,
  RaftNodeOptions,
} from './runtime/options/raft-node-options';
export type {
  BarrierOptions,
  Ordered,
  ProposeOptions,
  QueryOptions,
  ReadConsistency,
} from './runtime/base/call-options';
export type { RaftLogger } from './runtime/base/logger';
export type {
  CancelOptions,
  ChangeOptions,
  MemberRole,
  MembershipView,
  MemberTarget,
  MemberView,
} from './runtime/status/membership-view';
export type { AwaitedMember, PendingChange } from './runtime/status/pending-change';
export type { RepairResult } from './runtime/node/repairing';
export type { SnapshotOptions } from './runtime/options/snapshot-options';
export type { InstallStatus, SnapshotInfo } from './runtime/status/snapshot-status';
export type { SecurityMode, SecurityStatus } from './runtime/status/security-status';
export type {
  LeaderStatus,
  MemberStatus,
  QueueLengths,
  RaftPhase,
  RaftStatus,
  ReadCounts,
} from './runtime/status/status';

// The contracts, for authors of a store, a transport or a state machine.
export * from './storage/contract';
export { snapshotChecksum, stateChecksum, type SummedState } from './storage/state-checksum';
export * from './transport/contract';
export { isLocalHost } from './transport/local-host';
export * from './state-machine/contract';
export type { Configuration, ConfigurationInForce, Member, MembershipTarget } from './core/base/configuration';
export type { DurableState, PersistBatch, Role } from './core/base/effects';
export type { Entry } from './core/base/entry';
export type { Message } from './core/base/messages';
export {
  DEFAULT_GROUP,
  type GroupId,
  type HardState,
  type LogId,
  type ReplicaId,
  type TermRun,
} from './core/base/types';

export { MemoryStorage, memoryStorage } from './storage/memory';
export {
  tcpClientTransport,
  tcpTransport,
  type ClientAdmission,
  type PeerTlsFiles,
  type PeerTlsOptions,
  type TcpClientTransportOptions,
  type TcpTransportOptions,
} from './transport/tcp';
