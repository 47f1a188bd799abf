import { RaftError } from '../../errors/raft-error';
import { type CommandCall, encodeCommand } from '../entries/command-envelope';
import type { CommandOutcome } from '../contract';
import { type ClassCheck, checkedArguments } from './argument-checks';
import { describeMachineClass, type MachineDescription, type StateMachineClass } from '../declare/machine-class';
import { outcomeValue } from '../codec/outcome-value';
import type { ArgumentCheck, DecoratedMethod } from '../declare/machine-metadata';
import { encodeQuery } from '../entries/query-envelope';
import type { Replicated } from './replicated';
import type { SessionCalls } from '../entries/session-calls';
import { isText } from '../codec/text';

/** How fresh the answer to a query must be. */
type Consistency = 'linearizable' | 'lease' | 'stale';

/** An outcome and its place in the log. */
interface OrderedOutcome {
  readonly value: CommandOutcome;
  readonly index: number;
}

/** What calls are sent through; a `RaftNode` is one. @publicApi */
export interface ReplicatedClient {
  propose(
    command: Uint8Array,
    options: { readonly timeoutMs?: number; readonly schemaVersion?: number; readonly caller?: string },
  ): Promise<OrderedOutcome>;
  query(
    query: Uint8Array,
    options: {
      readonly timeoutMs?: number;
      readonly consistency?: Consistency;
      readonly maxLagMs?: number;
      readonly after?: number;
    },
  ): Promise<OrderedOutcome>;
}

interface CallOptions {
  readonly timeoutMs: number | undefined;
  readonly consistency: Consistency;
  readonly maxLagMs: number | undefined;
  readonly after: number | undefined;
  readonly ordered: boolean;
  readonly session: SessionCalls | undefined;
  readonly idempotencyKey: string | undefined;
  readonly caller: string | undefined;
  /** An option that says how to read was chosen. */
  readonly queriesOnly: boolean;
}

type Method = (...args: unknown[]) => unknown;

const DEFAULTS: CallOptions = {
  timeoutMs: undefined,
  consistency: 'linearizable',
  maxLagMs: undefined,
  after: undefined,
  ordered: false,
  session: undefined,
  idempotencyKey: undefined,
  caller: undefined,
  queriesOnly: false,
};

/**
 * Makes the object that callers get injected: the machine's commands and queries, and the `$` options, as its own
 * properties. It is no proxy that catches every name, since Nest calls life-cycle hooks on what it injects, and `await` asks for
 * `then`.
 *
 * @param byClass checks arguments whose check is a class. Default: such a call is refused; the Nest module uses class-validator
 * @throws RaftError `RAFT_CONFIGURATION` the class can't be a state machine
 * @publicApi
 */
export function createReplicated<T extends object>(
  type: StateMachineClass<T>,
  client: ReplicatedClient,
  byClass: ClassCheck = noClasses,
): Replicated<T> {
  return new Caller(describeMachineClass(type), client, byClass).methods(DEFAULTS) as Replicated<T>;
}

class Caller {
  constructor(
    private readonly machine: MachineDescription,
    private readonly client: ReplicatedClient,
    private readonly byClass: ClassCheck,
  ) {}

  methods(options: CallOptions): object {
    const methods: Record<string, Method> = {};
    const { commands, queries } = this.machine;
    if (!options.queriesOnly)
      for (const command of commands.values()) {
        const { name, args: checks } = command;
        methods[name] =
          checks.length === 0
            ? (...args) => this.command(command, args, options)
            : async (...args) => this.command(command, await this.checked(name, args, checks), options);
      }
    for (const name of queries.keys()) methods[name] = (...args) => this.query(name, args, options);
    return Object.assign(methods, this.optionMethods(options));
  }

  private optionMethods(options: CallOptions): Record<string, Method> {
    // The objects are alike for every call, so that `$ordered()` in a hot path makes nothing new.
    const made = new Map<string, object>();
    const remembered = (name: string, changed: Partial<CallOptions>) => (): object => {
      let methods = made.get(name);
      if (methods === undefined) made.set(name, (methods = this.methods({ ...options, ...changed })));
      return methods;
    };
    const always: Record<string, Method> = {
      $ordered: remembered('$ordered', { ordered: true }),
      $timeout: (timeoutMs) => this.methods({ ...options, timeoutMs: checkedTimeout(timeoutMs) }),
    };
    if (options.queriesOnly) return always;
    const anyAge = remembered('$stale', { consistency: 'stale', queriesOnly: true });
    const staleOf: Method = (bound) => {
      const { maxLagMs } = (bound ?? {}) as { readonly maxLagMs?: unknown };
      if (maxLagMs === undefined) return anyAge();
      return this.methods({ ...options, consistency: 'stale', queriesOnly: true, maxLagMs: checkedLag(maxLagMs) });
    };
    return {
      ...always,
      $session: (session) =>
        this.methods({ ...options, ...checkedIdentity(options, { session: session as SessionCalls }) }),
      $idempotencyKey: (key) =>
        this.methods({ ...options, ...checkedIdentity(options, { idempotencyKey: key as string }) }),
      $caller: (caller) => this.methods({ ...options, caller: checkedCaller(caller) }),
      $stale: staleOf,
      $after: (index) =>
        this.methods({ ...options, consistency: 'stale', queriesOnly: true, after: checkedIndex(index) }),
      $lease: remembered('$lease', { consistency: 'lease', queriesOnly: true }),
    };
  }

  private checked(
    command: string,
    args: readonly unknown[],
    checks: readonly ArgumentCheck[],
  ): Promise<readonly unknown[]> {
    return checkedArguments(`${this.machine.name}.${command}`, args, checks, this.byClass);
  }

  private async command(
    { name: command, schemaVersion }: DecoratedMethod,
    args: readonly unknown[],
    { timeoutMs, ordered: isOrdered, session, idempotencyKey, caller }: CallOptions,
  ): Promise<unknown> {
    const machine = this.machine.name;
    const options = { timeoutMs, schemaVersion, ...(caller !== undefined && { caller }) };
    let ordered: OrderedOutcome;
    if (session !== undefined) ordered = await this.inSession(session, { machine, command, args }, options);
    else {
      const call =
        idempotencyKey === undefined ? { machine, command, args } : { machine, command, args, idempotencyKey };
      ordered = await this.client.propose(encodeCommand(call), options);
    }
    const { value, index } = ordered;
    const result = outcomeValue(value, `${this.machine.name}.${command}`, 'COMMAND_FAILED');
    return isOrdered ? { value: result, index } : result;
  }

  private async inSession(
    session: SessionCalls,
    call: CommandCall,
    options: { readonly timeoutMs?: number; readonly schemaVersion?: number; readonly caller?: string },
  ): Promise<OrderedOutcome> {
    const place = session.begin();
    let answered = false;
    try {
      const ordered = await this.client.propose(encodeCommand({ ...call, session: place }), options);
      answered = isOfCommand(ordered.value);
      return ordered;
    } finally {
      session.end(place, answered);
    }
  }

  private async query(
    query: string,
    args: readonly unknown[],
    { timeoutMs, consistency, maxLagMs, after, ordered }: CallOptions,
  ): Promise<unknown> {
    const bytes = encodeQuery({ machine: this.machine.name, query, args });
    const { value, index } = await this.client.query(bytes, { timeoutMs, consistency, maxLagMs, after });
    const result = outcomeValue(value, `${this.machine.name}.${query}`, 'QUERY_FAILED');
    return ordered ? { value: result, index } : result;
  }
}

function noClasses(type: abstract new (...args: never[]) => object): never {
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `Arguments are checked by the class ${type.name}, and nothing here does that: use a Standard Schema, or call through the Nest module with class-validator installed.`,
  );
}

function checkedCaller(caller: unknown): string {
  if (typeof caller === 'string' && caller !== '' && Buffer.byteLength(caller) <= 255) return caller;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `$caller(${String(caller)}): write a text of 1 to 255 bytes, the same for all calls of one caller.`,
  );
}

function checkedTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && Number.isFinite(timeoutMs)) return timeoutMs;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `$timeout(${String(timeoutMs)}): the time must be a number of milliseconds above 0.`,
  );
}

function checkedLag(maxLagMs: unknown): number {
  if (typeof maxLagMs === 'number' && maxLagMs >= 0 && Number.isFinite(maxLagMs)) return maxLagMs;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `$stale({ maxLagMs: ${String(maxLagMs)} }): the lag must be a number of milliseconds from 0 on.`,
  );
}

function checkedIndex(index: unknown): number {
  if (typeof index === 'number' && Number.isSafeInteger(index) && index >= 0) return index;
  throw new RaftError('RAFT_CONFIGURATION', `$after(${String(index)}): write the index of a result of $ordered().`);
}

function isOfCommand({ status }: CommandOutcome): boolean {
  return status === 'applied' || status === 'rejected' || status === 'failed';
}

function checkedIdentity(before: CallOptions, chosen: Partial<CallOptions>): Partial<CallOptions> {
  const { session, idempotencyKey } = { ...before, ...chosen };
  if (session !== undefined && idempotencyKey !== undefined)
    throw new RaftError(
      'RAFT_CONFIGURATION',
      'A call has a session or an idempotency key: write $session(session) or $idempotencyKey(key), not both.',
    );
  if ('session' in chosen && (typeof session?.begin !== 'function' || typeof session.end !== 'function'))
    throw new RaftError(
      'RAFT_CONFIGURATION',
      '$session(session) takes what openSession() gave, or a ticket of its reserve(): write $session(await raft.openSession()).',
    );
  if ('idempotencyKey' in chosen && !isKey(idempotencyKey))
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `$idempotencyKey(${String(idempotencyKey)}): write a text of 1 to 255 bytes, another one for each command.`,
    );
  return chosen;
}

function isKey(key: unknown): boolean {
  return typeof key === 'string' && isText(key) && key !== '' && Buffer.byteLength(key) <= 255;
}
