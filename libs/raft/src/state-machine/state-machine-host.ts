import { ENTRY_FORMAT, type Entry } from '../core/entry';
import { BackedMachines } from './backed-machines';
import { RaftError } from '../core/raft-error';
import { type LogId, ORIGIN } from '../core/types';
import { decodeClock } from './clock-entry';
import { decodeCommand, type DecodedCommand } from './command-envelope';
import { ClientTables } from './client-tables';
import { failed } from './command-failure';
import { CommandRunner, type StateMachineLogger } from './command-runner';
import type { AppliedState, CommandOutcome, ReplicatedStateMachine, SnapshotSource, StateDigest } from './contract';
import { IncompleteStateError, UnknownEntryError } from './host-errors';
import { asError, describeError, isThenable, outcomeOfQueryError, outcomeOfUnread, stackOf } from './host-outcomes';
import { type HostedMachine, hostMachines } from './hosted-machine';
import { EventOutlet } from './event-outlet';
import { MachineCatalog } from './machine-catalog';
import type { MachineEventListener } from './machine-change';
import { HostCommandContext, HostQueryContext } from './machine-context';
import { Digests, versionOf } from './digests';
import { decodeSessionOperation } from './session-entry';
import { decodeQuery } from './query-envelope';
import { MAX_MACHINES } from './snapshot-format';
import { restoreMachines } from './restore-machines';
import { capturedTogether, GroupSnapshot, releaseAll } from './snapshot-writer';
import { encodeValue } from './value-codec';

export type { StateMachineLogger } from './command-runner';

/** @publicApi */
export interface StateMachineHostOptions {
  /** Default: none, and bugs are told to callers only. */
  readonly logger?: StateMachineLogger;
  /** Hears what commands tell (`context.emit`), behind the entries that were applied together. Default: nobody. */
  readonly onEvent?: MachineEventListener;
  /** Gives the connection options of the application's data source of a name, for state that is kept in a database. Default: none has a name */
  readonly dataSourceOptions?: (name: string) => object;
}

const APPLIED: CommandOutcome = Object.freeze({ status: 'applied', value: undefined });

/** Stands for an outcome that comes later. */
const GATHERED: CommandOutcome = Object.freeze({ status: 'applied', value: undefined });

/** The result of a command that can be repeated is kept, so it is always encoded. */
const KEPT = (): boolean => true;

/**
 * The state of a group: machines that are instances of classes with `@RaftStateMachine`. Commands run one by one, in log order;
 * each ends before the next begins. The state is in the instances, in memory, but for machines with a backing, whose commands
 * are handed over together.
 *
 * An outcome is a function of the log alone. What a command answers by itself, a refusal or a bug, is an outcome; what came
 * over it from its process is none, and stops the node.
 *
 * @publicApi
 */
export class StateMachineHost implements ReplicatedStateMachine {
  private readonly machines: ReadonlyMap<string, HostedMachine>;
  private readonly backed = new BackedMachines();
  private readonly clients = new ClientTables();
  private readonly digests: Digests;
  private readonly logger: StateMachineLogger | undefined;
  private readonly runner: CommandRunner;
  private readonly events: EventOutlet;
  private readonly catalog: MachineCatalog;
  private last: LogId = ORIGIN;
  /** Up to here the backed machines are applied, too. */
  private settled: LogId = ORIGIN;
  private timeMs = 0;
  /** Why there is no state to go on from. */
  private fault: Error | undefined;

  /**
   * @param machines instances of classes with `@RaftStateMachine`
   * @throws RaftError `RAFT_CONFIGURATION`, in a sentence that says what to write instead
   */
  constructor(machines: readonly object[], options: StateMachineHostOptions = {}) {
    if (machines.length > MAX_MACHINES)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `A group has ${machines.length} state machines: it can have ${MAX_MACHINES}. Make fewer of them, or another group.`,
      );
    this.machines = hostMachines(machines);
    this.digests = new Digests(versionOf(this.machines.values()));
    this.logger = options.logger;
    this.runner = new CommandRunner(options.logger);
    this.events = new EventOutlet(options.onEvent, options.logger);
    this.catalog = new MachineCatalog(this.machines);
    for (const machine of this.machines.values()) {
      const { name, instance, backing } = machine;
      const { logger, dataSourceOptions = noDataSource } = options;
      if (backing !== undefined)
        this.backed.add(machine, backing.stateOf({ name, instance, logger, dataSourceOptions }));
    }
  }

  async applied(): Promise<AppliedState> {
    if (!this.backed.isEmpty) await this.backed.prepare();
    return { last: this.last, configuration: undefined };
  }

  belongsTo(clusterId: string): void {
    this.backed.belongsTo(clusterId);
  }

  snapshotStored(index: number): Promise<void> {
    return this.backed.snapshotStored(index);
  }

  close(): Promise<void> {
    this.digests.drop();
    return this.backed.close();
  }

  clusterTimeMs(): number {
    return this.timeMs;
  }

  nextExpiryMs(): number | undefined {
    const { dueMs } = this.clients;
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs;
  }

  async apply(entries: readonly Entry[], wanted: (index: number) => boolean): Promise<readonly CommandOutcome[]> {
    if (this.fault !== undefined) throw this.fault;
    try {
      if (!this.backed.isEmpty) return await this.applyWithBacked(entries, wanted);
      const encoded = this.encoded(wanted);
      return entries.map((entry) => {
        const outcome = this.applyEntry(entry, encoded)!;
        this.counted(entry, outcome);
        return outcome;
      });
    } catch (error) {
      this.fault = asError(error);
      throw error;
    } finally {
      this.events.tell();
    }
  }

  /** The same, where commands of some machines are gathered: their outcomes come later, in their places. */
  private async applyWithBacked(
    entries: readonly Entry[],
    wanted: (index: number) => boolean,
  ): Promise<readonly CommandOutcome[]> {
    await this.backed.claim();
    const outcomes: CommandOutcome[] = [];
    const encoded = this.encoded(wanted);
    for (const [at, entry] of entries.entries()) {
      const decided = (outcome: CommandOutcome): void => {
        outcomes[at] = outcome;
        if (entry.kind === 'command') this.digests.count(entry.index, outcome);
      };
      let outcome = this.applyEntry(entry, encoded, decided);
      if (outcome === undefined) {
        await this.backed.flush();
        outcome = this.applyEntry(entry, encoded, decided)!;
      }
      outcomes[at] = outcome;
      if (outcome !== GATHERED && entry.kind === 'command') this.digests.count(entry.index, outcome);
      if (!this.digests.isDue(entry.index)) continue;
      await this.backed.flush();
      this.endDigest(entry.index);
    }
    await this.backed.flush();
    this.settled = this.last;
    return outcomes;
  }

  /** Whoever waits gets a result, and the digest has some of them. */
  private encoded(wanted: (index: number) => boolean): (index: number) => boolean {
    return (index) => wanted(index) || this.digests.isSampled(index);
  }

  private counted({ index, kind }: Entry, outcome: CommandOutcome): void {
    if (kind === 'command') this.digests.count(index, outcome);
    if (this.digests.isDue(index)) this.endDigest(index);
  }

  private endDigest(index: number): void {
    const inMemory = [...this.machines.values()].filter(({ backing }) => backing === undefined);
    this.digests.end(index, this.backed.hash(), () => capturedTogether(inMemory));
  }

  digest(index?: number): StateDigest | undefined {
    return index === undefined ? this.digests.newest : this.digests.at(index);
  }

  stateToHash(): ReturnType<Digests['takeUnread']> {
    return this.digests.takeUnread();
  }

  refusalOf(command: Uint8Array): string | undefined {
    return this.catalog.refusalOf(command);
  }

  commands(): ReadonlyMap<string, number> {
    return this.catalog.commands();
  }

  nameOf(command: Uint8Array): string | undefined {
    return this.catalog.nameOf(command);
  }

  /**
   * @param decided called with the outcome, later, where {@link GATHERED} is returned
   * @returns undefined where what was gathered has to be applied first; then it is called again
   */
  private applyEntry(
    entry: Entry,
    wanted: (index: number) => boolean,
    decided: (outcome: CommandOutcome) => void = never,
  ): CommandOutcome | undefined {
    const { index, term, kind, format } = entry;
    if (index !== this.last.index + 1)
      throw new Error(
        `Entry ${index} can't be applied behind entry ${this.last.index}: the log has a gap or goes back`,
      );
    if (format > ENTRY_FORMAT)
      throw new UnknownEntryError(index, `has format ${format}, and this version reads up to format ${ENTRY_FORMAT}`);
    const outcome = kind === 'command' ? this.applyCommand(entry, wanted, decided) : this.applyOther(entry);
    if (outcome !== undefined) this.last = { term, index };
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
      case 'noop':
      case 'configuration':
      case 'clusterVersion':
      case 'command':
        return APPLIED;
    }
  }

  private applySession({ index, data }: Entry): CommandOutcome {
    let read: ReturnType<typeof decodeSessionOperation>;
    try {
      read = decodeSessionOperation(data);
    } catch (error) {
      return outcomeOfUnread(error, index);
    }
    this.advanceTime(read.timeMs);
    return this.clients.change(index, read.operation, this.timeMs);
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
    const isOnce = call.session !== undefined || call.idempotencyKey !== undefined;
    if (machine.backing !== undefined) return this.gather(machine, call, entry, wanted, decided);
    return isOnce ? this.applyOnce(machine, call, entry, wanted) : this.perform(machine, call, entry, wanted);
  }

  /** A command of a machine with a backing: it waits for those behind it, and is answered when all of them are durable. */
  private gather(
    machine: HostedMachine,
    call: DecodedCommand,
    entry: Entry,
    wanted: (index: number) => boolean,
    decided: (outcome: CommandOutcome) => void,
  ): CommandOutcome | undefined {
    const { backed, clients } = this;
    const { index, term } = entry;
    const identity = identityOf(call);
    if (backed.mustFlushBefore(identity, clients.isNearBounds)) return undefined;
    const known = identity === undefined ? undefined : clients.admit(call, this.timeMs);
    if (known !== undefined) return known;
    const settle = (outcome: CommandOutcome): CommandOutcome =>
      identity === undefined ? outcome : clients.record(call, index, outcome, this.timeMs, wanted(index));
    if (backed.holds(machine, index)) {
      this.digests.skip();
      if (identity === undefined) return APPLIED;
      const kept = backed.keptOutcome(machine, index);
      if (kept === undefined) throw new Error(`What command ${index} of ${machine.name} answered isn't kept any more`);
      return settle(kept);
    }
    const timeMs = this.timeMs;
    backed.enqueue({
      machine,
      identity,
      command: {
        index,
        term,
        timeMs,
        session: call.isRelayed ? undefined : call.session,
        method: call.command,
        args: call.args,
        seed: machine.seed,
        isKept: identity !== undefined,
        isWanted: wanted(index),
      },
      done: ({ outcome, changes }) => {
        this.events.keep(machine.name, { index, term, timeMs, command: call.command }, changes);
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
  ): CommandOutcome {
    const { clients } = this;
    const { index } = entry;
    const known = clients.admit(call, this.timeMs);
    if (known !== undefined) return known;
    return clients.record(call, index, this.perform(machine, call, entry, KEPT), this.timeMs, wanted(index));
  }

  /** Runs the command, and keeps what it tells for whoever watches. */
  private perform(
    machine: HostedMachine,
    call: DecodedCommand,
    { index, term }: Entry,
    wanted: (index: number) => boolean,
  ): CommandOutcome {
    // A node's own session is nothing that the caller chose.
    const session = call.isRelayed ? undefined : call.session;
    const context = new HostCommandContext(index, term, this.timeMs, session, machine.seed);
    const outcome = this.runner.run(machine, call, context, wanted);
    this.events.keep(machine.name, { index, term, timeMs: this.timeMs, command: call.command }, context.end());
    return outcome;
  }

  private machineOf({ machine: name, command }: DecodedCommand, { index, schemaVersion }: Entry): HostedMachine {
    const machine = this.machines.get(name);
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
    if (timeMs <= this.timeMs) return;
    this.timeMs = timeMs;
    if (timeMs >= this.clients.dueMs) this.clients.expire(timeMs);
  }

  /** A query that can't be answered concerns its caller only: it changes nothing, and stops nothing. */
  async query(query: Uint8Array): Promise<CommandOutcome> {
    if (this.fault !== undefined) throw this.fault;
    let method = 'a query';
    try {
      const call = decodeQuery(query);
      method = `${call.machine}.${call.query}`;
      const machine = this.machines.get(call.machine);
      if (machine === undefined || !machine.hasQuery(call.query))
        return failed(`This node has no query ${method}: it runs another version of the application.`);
      if (machine.backing !== undefined) {
        await this.backed.claim();
        const { settled: last, timeMs } = this;
        return await this.backed.stateOf(machine).query({ method: call.query, args: call.args, last, timeMs });
      }
      const context = new HostQueryContext(this.last, this.timeMs);
      const result = machine.call(call.query, context, call.args);
      // What is there is encoded before anything else runs: it may be a part of the state.
      return { status: 'applied', value: encodeValue(isThenable(result) ? await result : result, 'result') };
    } catch (error) {
      const outcome = outcomeOfQueryError(error, method);
      if (outcome.status === 'failed') this.logger?.error(`${outcome.message}${stackOf(error)}`);
      return outcome;
    }
  }

  capture(): SnapshotSource | Promise<SnapshotSource> {
    if (this.fault !== undefined) throw this.fault;
    const { backed, clients, last, timeMs } = this;
    const digest = this.digests.window;
    const machines = [...this.machines.values()];
    // Those with a backing come last: a restore that finds them ahead needn't read their part.
    const inMemory = machines.filter((machine) => machine.backing === undefined);
    const others = machines.filter((machine) => machine.backing !== undefined);
    const sources: SnapshotSource[] = [];
    const whole = (): SnapshotSource => {
      const names = [...inMemory, ...others].map(({ name }) => name);
      const versions = [...inMemory, ...others].map(({ snapshotVersion }) => snapshotVersion);
      const header = { ...last, timeMs, machines: names, versions, digest };
      return new GroupSnapshot(header, clientsSource, sources);
    };
    const clientsSource = clients.capture();
    try {
      for (const machine of inMemory) sources.push(machine.capture());
    } catch (error) {
      releaseAll(sources);
      throw error;
    }
    return others.length === 0 ? whole() : backed.captureInto(others, sources).then(whole);
  }

  /**
   * Every check that needs no content comes before the first machine is touched. After a failure behind that there is no state:
   * every call fails until a restore ends well.
   */
  async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      await this.backed.claim();
      const header = await restoreMachines({
        machines: this.machines,
        clients: this.clients,
        backed: this.backed,
        last,
        chunks,
        begin: () => {
          this.fault = new IncompleteStateError();
        },
      });
      this.last = { term: header.term, index: header.index };
      this.settled = this.last;
      this.digests.goOn(header.digest);
      this.timeMs = header.timeMs;
      this.fault = undefined;
      for (const name of this.machines.keys()) this.events.keepReplaced(name, header.index);
      this.events.tell();
    } catch (error) {
      if (this.fault !== undefined) this.fault = new IncompleteStateError(asError(error));
      throw error;
    }
  }
}

function never(): void {
  throw new Error('An outcome comes later than its command, and nobody waits for it');
}

function noDataSource(name: string): never {
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `A state machine names the data source '${name}' of an application, and there is none here: give it { url } or { dataSourceOptions }.`,
  );
}

/** What a repetition of the command would be known by. */
function identityOf({ session, idempotencyKey }: DecodedCommand): string | undefined {
  if (session !== undefined) return `${session.clientId} ${session.sequence}`;
  return idempotencyKey === undefined ? undefined : `key ${idempotencyKey}`;
}
