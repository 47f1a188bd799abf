import type { Entry } from '../../core/base/entry';
import { crc32c } from '../../core/base/checksum';
import { BackedMachines } from './backed-machines';
import type { ApplicationDataSource } from '../declare/backing';
import { RaftError } from '../../errors/raft-error';
import { type LogId, ORIGIN } from '../../core/base/types';
import { ClientTables } from '../sessions/client-tables';
import { failed } from '../sessions/command-failure';
import { CommandRunner, type StateMachineLogger } from './command-runner';
import type {
  AppliedState,
  AskOthers,
  CommandFates,
  CommandOutcome,
  ReplicatedStateMachine,
  SnapshotSource,
  StateDigest,
  StoredSession,
} from '../contract';
import { IncompleteStateError, StateAheadError } from './host-errors';
import { asError, isThenable, outcomeOfQueryError, stackOf } from './host-outcomes';
import { type HostedMachine, hostMachines } from './hosted-machine';
import { EventOutlet } from './event-outlet';
import { captureGroup } from './group-capture';
import { MachineCatalog } from './machine-catalog';
import type { MachineEventListener } from '../entries/machine-change';
import { HostQueryContext } from './machine-context';
import { Digests, versionOf } from './digests';
import { EntryInterpreter, GATHERED } from './entry-interpreter';
import { decodeQuery } from '../entries/query-envelope';
import { MAX_MACHINES } from '../snapshot/snapshot-format';
import { restoreMachines } from './restore-machines';
import { capturedTogether } from '../snapshot/snapshot-writer';
import { encodeValue } from '../codec/value-codec';

export type { StateMachineLogger } from './command-runner';

/** @publicApi */
export interface StateMachineHostOptions {
  /** Default: none, and bugs are told to callers only. */
  readonly logger?: StateMachineLogger;
  /** Hears what commands tell (`context.emit`), behind the entries that were applied together. Default: nobody. */
  readonly onEvent?: MachineEventListener;
  /** Gives the application's data source of a name, for state that is kept in a database. Default: none has a name */
  readonly dataSource?: (name: string) => ApplicationDataSource;
}

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
  private readonly events: EventOutlet;
  private readonly catalog: MachineCatalog;
  private readonly interpreter: EntryInterpreter;
  /** Up to here the backed machines are applied, too, and the cluster's time there. */
  private settled: { readonly last: LogId; readonly timeMs: number } = { last: ORIGIN, timeMs: 0 };
  private hasStopped = false;
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
    const version = versionOf(this.machines.values());
    this.digests = new Digests(() =>
      this.backed.isEmpty ? version : crc32c(version, Buffer.from(this.backed.version(), 'utf8')),
    );
    this.logger = options.logger;
    this.events = new EventOutlet(options.onEvent, options.logger);
    this.catalog = new MachineCatalog(this.machines);
    const { backed, clients, digests, events } = this;
    const runner = new CommandRunner(options.logger);
    this.interpreter = new EntryInterpreter({ machines: this.machines, backed, clients, digests, runner, events });
    for (const machine of this.machines.values()) {
      const { name, instance, backing } = machine;
      const { logger, dataSource = noDataSource } = options;
      if (backing !== undefined) this.backed.add(machine, backing.stateOf({ name, instance, logger, dataSource }));
    }
  }

  async applied(): Promise<AppliedState> {
    if (!this.backed.isEmpty) await this.backed.prepare();
    return { last: this.interpreter.last, configuration: undefined };
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
    return this.interpreter.timeMs;
  }

  nextExpiryMs(): number | undefined {
    const { dueMs } = this.clients;
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs;
  }

  sessions(): readonly StoredSession[] {
    return [...this.clients.sessions.all()].map(({ clientId, ttlMs, activeMs, answers, bytes }) => {
      return { clientId, ttlMs, activeMs, answers: answers.size, bytes };
    });
  }

  async apply(entries: readonly Entry[], wanted: (index: number) => boolean): Promise<readonly CommandOutcome[]> {
    if (this.fault !== undefined) throw this.fault;
    try {
      if (!this.backed.isEmpty) return await this.applyWithBacked(entries, wanted);
      const encoded = this.encoded(wanted);
      return entries.map((entry) => {
        const outcome = this.interpreter.apply(entry, encoded)!;
        this.counted(entry, outcome);
        return outcome;
      });
    } catch (error) {
      this.fault = asError(error);
      throw error;
    } finally {
      this.events.emit();
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
      let outcome = this.interpreter.apply(entry, encoded, decided);
      if (outcome === undefined) {
        await this.flush();
        outcome = this.interpreter.apply(entry, encoded, decided)!;
      }
      outcomes[at] = outcome;
      if (outcome !== GATHERED && entry.kind === 'command') this.digests.count(entry.index, outcome);
      if (!this.digests.isDue(entry)) continue;
      await this.flush();
      this.endDigest(entry.index);
    }
    await this.flush();
    return outcomes;
  }

  /** Applies what was gathered. */
  private async flush(): Promise<void> {
    const { last, timeMs } = this.interpreter;
    await this.backed.flush();
    this.settled = { last, timeMs };
  }

  /** A waiting caller gets a result, and the digest has some of them. */
  private encoded(wanted: (index: number) => boolean): (index: number) => boolean {
    return (index) => wanted(index) || this.digests.isSampled(index);
  }

  private counted(entry: Entry, outcome: CommandOutcome): void {
    const { index, kind } = entry;
    if (kind === 'command') this.digests.count(index, outcome);
    if (this.digests.isDue(entry)) this.endDigest(index);
  }

  private endDigest(index: number): void {
    // A state that lasts, and that the replay hasn't reached yet, is that of a later index.
    if (this.backed.lastIndex > index) this.digests.skip();
    const inMemory = [...this.machines.values()].filter(({ backing }) => backing === undefined);
    this.digests.end(index, this.backed.hash(), () => capturedTogether(inMemory));
  }

  digest(index?: number): StateDigest | undefined {
    return index === undefined ? this.digests.newest : this.digests.at(index);
  }

  wantsDigest(): boolean {
    return !this.backed.isEmpty && this.digests.isBegun;
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

  schemaHashes(): ReadonlyMap<string, string> {
    return this.backed.schemaHashes();
  }

  fatesOf(machine: string, indexes: readonly number[]): Promise<CommandFates> {
    return this.backed.fatesOf(machine, indexes);
  }

  askOthers(ask: AskOthers): void {
    this.backed.askOthers(ask);
  }

  waitsFor(): string | undefined {
    return this.backed.waitsFor();
  }

  stopWaiting(): void {
    this.hasStopped = true;
    this.backed.stopWaiting();
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
        const { last, timeMs } = this.settled;
        return await this.backed.stateOf(machine).query({ method: call.query, args: call.args, last, timeMs });
      }
      const context = new HostQueryContext(this.interpreter.last, this.interpreter.timeMs);
      const result = machine.call(call.query, context, call.args);
      // What is there is encoded before anything else runs: it may be a part of the state.
      return { status: 'applied', value: encodeValue(isThenable(result) ? await result : result, 'result') };
    } catch (error) {
      const outcome = outcomeOfQueryError(error, method);
      if (outcome.status === 'failed') this.logger?.error(`${outcome.message}${stackOf(error)}`);
      return outcome;
    }
  }

  async appliedElsewhere(): Promise<number> {
    if (this.backed.isEmpty) return 0;
    await this.backed.claim();
    return this.backed.lastIndex;
  }

  capture(): SnapshotSource | Promise<SnapshotSource> {
    if (this.fault !== undefined) throw this.fault;
    if (this.backed.isEmpty) return this.captureNow();
    return this.backed.claim().then(() => this.captureNow());
  }

  private captureNow(): SnapshotSource | Promise<SnapshotSource> {
    const { machines, backed, clients, interpreter, digests } = this;
    const { last, timeMs } = interpreter;
    if (backed.lastIndex > last.index) throw new StateAheadError(last.index, backed.lastIndex);
    return captureGroup({ machines, backed, clients, head: { ...last, timeMs, digest: digests.window } });
  }

  /** As a snapshot of nothing would: machines that it doesn't know go back to the state that they began with. */
  async reset(label: string): Promise<void> {
    if (this.hasStopped && !this.backed.isEmpty)
      throw new Error('the tables of this process were let go of when its node stopped');
    await this.backed.claim();
    await this.backed.keepAside(label);
    this.fault = new IncompleteStateError();
    try {
      this.clients.clear();
      for (const machine of this.machines.values())
        if (this.backed.has(machine)) await this.backed.restore(machine, ORIGIN, nothing());
        else await machine.restore(nothing(), machine.snapshotVersion);
      this.settled = { last: ORIGIN, timeMs: 0 };
      this.interpreter.goOn(ORIGIN, 0);
      this.digests.goOn({ version: this.digests.versionNow, outcomes: 0 });
      this.fault = undefined;
      for (const name of this.machines.keys()) this.events.keepReplaced(name, ORIGIN.index);
      this.events.emit();
    } catch (error) {
      this.fault = new IncompleteStateError(asError(error));
      throw error;
    }
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
      this.settled = { last: { term: header.term, index: header.index }, timeMs: header.timeMs };
      this.interpreter.goOn(this.settled.last, header.timeMs);
      this.digests.goOn(header.digest);
      this.fault = undefined;
      for (const name of this.machines.keys()) this.events.keepReplaced(name, header.index);
      this.events.emit();
    } catch (error) {
      if (this.fault !== undefined) this.fault = new IncompleteStateError(asError(error));
      throw error;
    }
  }
}

function noDataSource(name: string): never {
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `A state machine names the data source '${name}' of an application, and there is none here: give it { url } or { dataSourceOptions }.`,
  );
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
