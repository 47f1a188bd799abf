import { MAX_SCHEMA_VERSION } from '../../core/base/entry';
import type { Kernel } from '../../core/base/kernel-api';
import type { RaftError } from '../../errors/raft-error';
import type { LogId } from '../../core/base/types';
import { stampCommandTime, withSchemaHash } from '../../state-machine/entries/command-envelope';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import { stampSessionTime } from '../../state-machine/entries/session-entry';
import { type CallerLimits, CallerPlaces } from './caller-places';
import { crowded, isSchemaVersion, refusedCommand, stalled, storageDegraded } from './command-refusals';
import { errorMessage } from '../base/error-message';
import type { KernelDriver } from '../driver/kernel-driver';
import type { KnownCommands } from '../apply/known-commands';
import { refusedOnceMore } from '../base/node-errors';
import type { PendingRequest } from './pending-request';
import type { RequestTable } from './request-table';
import type { RequestRouter } from './request-router';
import type { TableSchemas } from '../apply/table-schemas';
import type { TracedEntries } from './traced-entries';
import type { Waiters } from './waiters';

export interface ProposerPorts {
  readonly kernel: Kernel;
  readonly driver: KernelDriver;
  readonly machine: ReplicatedStateMachine;
  readonly known: KnownCommands;
  readonly schemas: TableSchemas;
  readonly requests: RequestTable;
  readonly router: RequestRouter;
  readonly waiters: Waiters;
  readonly traced: TracedEntries;
  readonly limits: CallerLimits;
  /** The store gives errors, or was lost. */
  isStoreDegraded(): boolean;
  /** The store takes longer than a leader may wait for it. */
  isStoreStalled(): boolean;
  /** The term of the last entry that is applied. */
  appliedTerm(): number;
  clusterTimeMs(): number;
}

/** Puts commands, and operations on sessions, into the log of this leader, and keeps out of it what nobody could run. */
export class Proposer {
  private readonly places: CallerPlaces;
  private countedTerm = 0;

  constructor(private readonly ports: ProposerPorts) {
    this.places = new CallerPlaces(ports.limits);
  }

  /** A new leader stamps nothing before it knows every time that stands in the log: so its first entry has to be applied. */
  clockIsReady(): boolean {
    return this.ports.appliedTerm() === this.ports.kernel.status.term;
  }

  propose(request: PendingRequest): void {
    const { driver, router } = this.ports;
    if (this.ports.isStoreDegraded()) {
      this.refuse(request, storageDegraded());
      return;
    }
    if (this.ports.isStoreStalled()) {
      this.refuse(request, stalled());
      return;
    }
    if (!this.clockIsReady()) {
      router.park(request);
      return;
    }
    // A copy: the caller may use its bytes again, and what stands in a log never changes.
    const data = new Uint8Array(request.body);
    const kind = request.kind === 'session' ? 'session' : 'command';
    const refusal =
      this.refusalOf(kind, data, request.schemaVersion) ?? this.refusalOfCaller(request.caller, kind, data);
    if (refusal !== undefined) {
      this.refuse(request, refusal);
      return;
    }
    const schemaHash = kind === 'command' ? this.ports.schemas.stampFor(data) : undefined;
    const stamped = schemaHash === undefined ? data : withSchemaHash(data, schemaHash);
    const result = driver.propose({ kind, schemaVersion: request.schemaVersion, data: stamped });
    if (result === undefined) return;
    if (result.accepted) this.awaitDecision(request, { index: result.firstIndex, term: result.term });
    else if (result.reason === 'busy') this.refuse(request, crowded());
    else router.retry(request);
  }

  /** Nobody takes the places of all: judged here, before the log, as what is judged at apply is a constant of the format. */
  private refusalOfCaller(
    caller: string | undefined,
    kind: 'command' | 'session',
    data: Uint8Array,
  ): RaftError | undefined {
    if (caller === undefined) return undefined;
    const { term } = this.ports.kernel.status;
    if (term !== this.countedTerm) this.places.clear();
    this.countedTerm = term;
    try {
      return this.places.refusalOf(caller, kind, data, this.ports.clusterTimeMs());
    } catch (error) {
      return refusedCommand('MALFORMED_COMMAND', errorMessage(error));
    }
  }

  /** Where an earlier send may be applied, a refusal of this one decides nothing. */
  private refuse(request: PendingRequest, error: RaftError): void {
    const { requests, router } = this.ports;
    if (request.unresolvedSends === 0) requests.fail(request, error);
    else if (error.code === 'RAFT_REJECTED') requests.fail(request, refusedOnceMore(error));
    else router.retry(request);
  }

  private awaitDecision(request: PendingRequest, place: LogId): void {
    this.ports.waiters.add(request, place);
    if (request.trace === undefined) return;
    request.trace.appended(place);
    this.ports.traced.add(request);
  }

  /** Stamps what can be run. */
  private refusalOf(kind: 'command' | 'session', data: Uint8Array, schemaVersion: number): RaftError | undefined {
    if (!isSchemaVersion(schemaVersion))
      return refusedCommand(
        'MALFORMED_COMMAND',
        `its schema version is ${schemaVersion}, and may be a whole number from 0 to ${MAX_SCHEMA_VERSION}.`,
      );
    const why = kind === 'command' ? this.ports.machine.refusalOf(data) : undefined;
    if (why !== undefined) return refusedCommand('UNKNOWN_COMMAND', why);
    const unknownElsewhere = kind === 'command' ? this.ports.known.refusalOf(data, schemaVersion) : undefined;
    if (unknownElsewhere !== undefined)
      return refusedCommand('NOT_KNOWN_EVERYWHERE', `${unknownElsewhere} Call it when every member is upgraded.`);
    try {
      if (kind === 'command') stampCommandTime(data, this.ports.clusterTimeMs());
      else stampSessionTime(data, this.ports.clusterTimeMs());
      return undefined;
    } catch (error) {
      return refusedCommand('MALFORMED_COMMAND', errorMessage(error));
    }
  }
}
