import { ENTRY_FORMAT, type Entry } from '../../core/base/entry';
import { type LogId, ORIGIN } from '../../core/base/types';
import type { BackedMachines } from './backed-machines';
import { boundedOutcome } from '../sessions/bounded-outcome';
import type { ClientTables } from '../sessions/client-tables';
import { decodeClock } from '../entries/clock-entry';
import { CLUSTER_VERSION, decodeClusterVersion } from '../entries/cluster-version-entry';
import { decodeCommand, type DecodedCommand } from '../entries/command-envelope';
import { failed } from '../sessions/command-failure';
import type { CommandRunner } from './command-runner';
import type { CommandOutcome } from '../contract';
import type { Digests } from './digests';
import type { EventOutlet } from './event-outlet';
import { UnknownEntryError } from './host-errors';
import { describeError, outcomeOfUnread } from './host-outcomes';
import type { HostedMachine } from './hosted-machine';
import { HostCommandContext } from './machine-context';
import { decodeSessionOperation } from '../entries/session-entry';
import { UNDECIDED } from '../sessions/stored-answer';
import type { RunOutcome } from '../entries/run-outcome';

const APPLIED: CommandOutcome = Object.freeze({ status: 'applied', value: undefined });

/** Stands for an outcome that comes later. */
export const GATHERED: CommandOutcome = Object.freeze({ status: 'applied', value: undefined });

/** The result of a command that can be repeated is kept, so it is always encoded. */
const KEPT = (): boolean => true;

export interface EntryInterpreterParts {
  readonly machines: ReadonlyMap<string, HostedMachine>;
  readonly backed: BackedMachines;
  readonly clients: ClientTables;
  readonly digests: Digests;
  readonly runner: CommandRunner;
  readonly events: EventOutlet;
}

/** Runs the entries of the log, one after the other: the time, sessions, and the commands of the machines. */
export class EntryInterpreter {
  private lastApplied: LogId = ORIGIN;
  private clockMs = 0;

  constructor(private readonly parts: EntryInterpreterParts) {}

  /** The last entry that is applied. */
  get last(): LogId {
    return this.lastApplied;
  }

  /** The time of the cluster, as the log has it, in milliseconds of Unix time. */
  get timeMs(): number {
    return this.clockMs;
  }

  /** The state is that of a snapshot now. */
  goOn(last: LogId, timeMs: number): void {
    this.lastApplied = last;
    this.clockMs = timeMs;
  }

  /**
   * @param decided called with the outcome, later, where {@link GATHERED} is returned
   * @returns undefined where what was gathered has to be applied first; then it is called again
   */
  apply(
    entry: Entry,
    wanted: (index: number) => boolean,
    decided: (outcome: CommandOutcome) => void = never,
  ): CommandOutcome | undefined {
    const { index, term, kind, format } = entry;
    if (index !== this.lastApplied.index + 1)
      throw new Error(
        `Entry ${index} can't be applied after entry ${this.lastApplied.index}: the log has a gap or goes back`,
      );
    if (format > ENTRY_FORMAT)
      throw new UnknownEntryError(index, `has format ${format}, and this version reads up to format ${ENTRY_FORMAT}`);
    const outcome = kind === 'command' ? this.applyCommand(entry, wanted, decided) : this.applyOther(entry);
    if (outcome !== undefined) this.lastApplied = { term, index };
    return outcome;
  }

  private applyOther(entry: Entry): CommandOutcome {
    const { kind, data } = entry;
    switch (kind) {
      case 'clock':
        this.advanceTime(decodeClock(data));
        return APPLIED;
      case 'session':
        return this.applySession(entry);
      case 'clusterVersion':
        return this.checkVersion(entry);
      case 'noop':
      case 'configuration':
      case 'command':
        return APPLIED;
    }
  }

  /** A later version of the library raised it, once every member was of that version. */
  private checkVersion({ index, data }: Entry): CommandOutcome {
    const version = decodeClusterVersion(data);
    if (version > CLUSTER_VERSION)
      throw new UnknownEntryError(
        index,
        `raises the cluster to version ${version}, and this version of the library has the formats of version ${CLUSTER_VERSION}`,
      );
    return APPLIED;
  }

  private applySession({ index, data }: Entry): CommandOutcome {
    let read: ReturnType<typeof decodeSessionOperation>;
    try {
      read = decodeSessionOperation(data);
    } catch (error) {
      return outcomeOfUnread(error, index);
    }
    this.advanceTime(read.timeMs);
    return this.parts.clients.change(index, read.operation, this.clockMs);
  }

  private applyCommand(
    entry: Entry,
    wanted: (index: number) => boolean,
    decided: (outcome: CommandOutcome) => void,
  ): CommandOutcome | undefined {
    const { index } = entry;
    let call: DecodedCommand;
    try {
      call = decodeCommand(entry.data);
    } catch (error) {
      return outcomeOfUnread(error, index);
    }
    const machine = this.machineOf(call, entry);
    this.advanceTime(call.timeMs);
    if (entry.schemaVersion < machine.versionOf(call.command)) {
      const { command } = call;
      try {
        call = { ...call, args: machine.upgraded(command, call.args, entry.schemaVersion) };
      } catch (error) {
        return failed(
          `${machine.name}.${command} can't take its arguments of version ${entry.schemaVersion}: ${describeError(error)}`,
        );
      }
    }
    if (machine.backing !== undefined) return this.gather(machine, call, entry, wanted, decided);
    return isOnce(call) ? this.applyOnce(machine, call, entry, wanted) : this.perform(machine, call, entry, wanted);
  }

  /** A command of a machine with a backing: it waits for those behind it, and is answered when all of them are durable. */
  private gather(
    machine: HostedMachine,
    call: DecodedCommand,
    entry: Entry,
    wanted: (index: number) => boolean,
    decided: (outcome: CommandOutcome) => void,
  ): CommandOutcome | undefined {
    const { backed, clients } = this.parts;
    const { index, term } = entry;
    if (backed.isFull) return undefined;
    const isKept = isOnce(call);
    const known = isKept ? clients.admit(call, this.clockMs) : undefined;
    if (known === UNDECIDED) return undefined;
    if (known !== undefined) return known;
    const isWanted = wanted(index);
    const method = `${machine.name}.${call.command}`;
    // Later entries may end the session or let time pass before this one is applied: its place is taken now.
    const keep = isKept ? clients.reserve(call, index, this.clockMs, isWanted) : undefined;
    const settle = (outcome: RunOutcome): CommandOutcome => {
      const bounded = boundedOutcome(outcome, method);
      return keep === undefined ? bounded : keep(bounded);
    };
    if (backed.holds(machine, index)) {
      this.parts.digests.skip();
      if (keep === undefined) return APPLIED;
      const kept = backed.keptOutcome(machine, index);
      if (kept === undefined)
        throw new Error(
          `The state of '${machine.name}' holds command ${index} already, and its answer is no longer kept: this node's log begins before a snapshot that it has lost. ` +
            'Take a snapshot on another node, give this one an empty store, and let it join again.',
        );
      return settle(kept);
    }
    const timeMs = this.clockMs;
    backed.enqueue({
      machine,
      command: {
        index,
        term,
        timeMs,
        session: call.isRelayed ? undefined : call.session,
        method: call.command,
        args: call.args,
        seed: machine.seed,
        isKept,
        isWanted,
        schemaHash: call.schemaHash,
      },
      done: ({ outcome, changes }) => {
        this.parts.events.keep(machine.name, { index, term, timeMs, command: call.command }, changes);
        decided(settle(outcome));
      },
    });
    return GATHERED;
  }

  /** However often the command comes, it is run once, and answered each time with what came of that. */
  private applyOnce(
    machine: HostedMachine,
    call: DecodedCommand,
    entry: Entry,
    wanted: (index: number) => boolean,
  ): CommandOutcome | undefined {
    const { clients } = this.parts;
    const { index } = entry;
    const known = clients.admit(call, this.clockMs);
    if (known === UNDECIDED) return undefined;
    if (known !== undefined) return known;
    const keep = clients.reserve(call, index, this.clockMs, wanted(index));
    return keep(this.perform(machine, call, entry, KEPT));
  }

  /** Runs the command, and keeps what it tells for the watchers. */
  private perform(
    machine: HostedMachine,
    call: DecodedCommand,
    { index, term }: Entry,
    wanted: (index: number) => boolean,
  ): RunOutcome {
    // A node's own session is nothing that the caller chose.
    const session = call.isRelayed ? undefined : call.session;
    const context = new HostCommandContext(index, term, this.clockMs, session, machine.seed);
    const outcome = this.parts.runner.run(machine, call, context, wanted);
    this.parts.events.keep(machine.name, { index, term, timeMs: this.clockMs, command: call.command }, context.end());
    return outcome;
  }

  private machineOf({ machine: name, command }: DecodedCommand, { index, schemaVersion }: Entry): HostedMachine {
    const machine = this.parts.machines.get(name);
    if (machine === undefined)
      throw new UnknownEntryError(index, `is for the state machine '${name}', which this node doesn't have`);
    if (!machine.hasCommand(command))
      throw new UnknownEntryError(index, `is the command ${name}.${command}, which this node doesn't have`);
    const known = machine.versionOf(command);
    if (schemaVersion > known)
      throw new UnknownEntryError(
        index,
        `is the command ${name}.${command} in version ${schemaVersion}, and this node knows it up to version ${known}`,
      );
    return machine;
  }

  /** A stamp that is behind (a leader whose clock was) doesn't set the time back. */
  private advanceTime(timeMs: number): void {
    if (timeMs <= this.clockMs) return;
    this.clockMs = timeMs;
    if (timeMs >= this.parts.clients.dueMs) this.parts.clients.expire(timeMs);
  }
}

function never(): void {
  throw new Error('An outcome comes later than its command, and nobody waits for it');
}

/** Whether a repetition of the command is answered, and not run. */
function isOnce({ session, idempotencyKey }: DecodedCommand): boolean {
  return session !== undefined || idempotencyKey !== undefined;
}
