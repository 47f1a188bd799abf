/**
 * What the compiler must accept and must refuse. It is never run: `npm run typecheck` compiles it, and a spec shows that each
 * refusal is one.
 */
import { RaftCommand, RaftQuery, RaftRestore, RaftSnapshot, RaftStateMachine } from '../declare/decorators';
import { CommandContext, QueryContext } from '../declare/command-context';
import type { SnapshotSource } from '../contract';
import { createReplicated, type ReplicatedClient } from './create-replicated';
import type { Replicated, ReplicatedQueries } from './replicated';
import type { SessionCalls } from '../entries/session-calls';
import { SnapshotMap } from '../snapshot/snapshot-map';

interface Account {
  readonly owner: string;
  readonly balance: number;
}

@RaftStateMachine('accounts')
class Accounts {
  readonly plainProperty = 1;
  private readonly accounts = new SnapshotMap<string, Account>();

  @RaftCommand()
  deposit(context: CommandContext, owner: string, amount = 1): number {
    const balance = (this.accounts.get(owner)?.balance ?? 0) + amount;
    this.accounts.set(owner, { owner, balance });
    return balance + context.index;
  }

  @RaftCommand({ schemaVersion: 2 })
  rename(_context: CommandContext, from: string, to?: string, ...rest: readonly number[]): Account | undefined {
    return this.accounts.get(to ?? from + rest.length);
  }

  @RaftCommand()
  reset(_context: CommandContext): void {
    this.accounts.clear();
  }

  @RaftCommand()
  parse(_context: CommandContext, text: string): unknown {
    return JSON.parse(text);
  }

  @RaftQuery()
  balance(_context: QueryContext, owner: string): number {
    return this.accounts.get(owner)?.balance ?? 0;
  }

  @RaftQuery()
  async slowBalance(_context: QueryContext, owner: string): Promise<number> {
    return this.accounts.get(owner)?.balance ?? 0;
  }

  // Reading within a command what a query reads is a plain method's work.
  plainMethod(owner: string): number {
    return this.accounts.get(owner)?.balance ?? 0;
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- what `any` does is what is tested
  anyFirst(_context: any, owner: string): number {
    return owner.length;
  }

  noParameters(): number {
    return 1;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.accounts.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.accounts.restore(chunks);
  }
}

/** Compiles only where the two types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
    ? (<T>() => T extends B ? 1 : 2) extends <T>() => T extends A ? 1 : 2
      ? true
      : false
    : false;
function holds<_Claim extends true>(): void {}

type Options = '$ordered' | '$stale' | '$after' | '$lease' | '$timeout' | '$session' | '$idempotencyKey' | '$caller';

export function accepted(accounts: Replicated<Accounts>): void {
  holds<Same<keyof typeof accounts, 'deposit' | 'rename' | 'reset' | 'parse' | 'balance' | 'slowBalance' | Options>>();
  holds<Same<typeof accounts.deposit, (owner: string, amount?: number) => Promise<number>>>();
  holds<Same<typeof accounts.rename, (from: string, to?: string, ...rest: number[]) => Promise<Account | undefined>>>();
  holds<Same<typeof accounts.reset, () => Promise<void>>>();
  holds<Same<typeof accounts.parse, (text: string) => Promise<unknown>>>();
  holds<Same<typeof accounts.balance, (owner: string) => Promise<number>>>();
  holds<Same<typeof accounts.slowBalance, (owner: string) => Promise<number>>>();

  const ordered = accounts.$ordered();
  holds<Same<Awaited<ReturnType<typeof ordered.deposit>>, { readonly value: number; readonly index: number }>>();
  const inTime = accounts.$timeout(500).$ordered();
  holds<Same<Awaited<ReturnType<typeof inTime.balance>>, { readonly value: number; readonly index: number }>>();

  const stale: ReplicatedQueries<Accounts> = accounts.$stale();
  holds<Same<ReturnType<typeof accounts.$after>, typeof stale>>();
  void accounts.$stale({ maxLagMs: 500 }).balance('a');
  void accounts.$after(7).balance('a');
  holds<Same<keyof typeof stale, 'balance' | 'slowBalance' | '$ordered' | '$timeout'>>();
  holds<Same<typeof stale.balance, (owner: string) => Promise<number>>>();
  const lease = accounts.$lease().$ordered();
  holds<Same<Awaited<ReturnType<typeof lease.balance>>, { readonly value: number; readonly index: number }>>();
}

export function once(accounts: Replicated<Accounts>, session: SessionCalls, ticket: SessionCalls): void {
  const inSession = accounts.$session(session).$ordered().$timeout(5000);
  holds<Same<Awaited<ReturnType<typeof inSession.deposit>>, { readonly value: number; readonly index: number }>>();
  void accounts.$timeout(500).$session(ticket).rename('a');
  const keyed = accounts.$ordered().$idempotencyKey('order 7');
  holds<Same<Awaited<ReturnType<typeof keyed.deposit>>, { readonly value: number; readonly index: number }>>();
}

export function refused(accounts: Replicated<Accounts>, client: ReplicatedClient): void {
  // @ts-expect-error -- the context isn't the caller's
  void accounts.deposit({} as CommandContext, 'ann', 1);
  // @ts-expect-error -- an argument of another type
  void accounts.deposit('ann', '1');
  // @ts-expect-error -- an argument is missing
  void accounts.deposit();
  // @ts-expect-error -- an argument too many
  void accounts.balance('ann', 1);
  // @ts-expect-error -- the result is a promise
  const balance: number = accounts.balance('ann');
  void balance;
  // @ts-expect-error -- not decorated: its first parameter is no context
  void accounts.plainMethod;
  // @ts-expect-error -- not decorated: its first parameter is any
  void accounts.anyFirst;
  // @ts-expect-error -- not decorated: it has no context
  void accounts.noParameters;
  // @ts-expect-error -- a property
  void accounts.plainProperty;
  // @ts-expect-error -- private
  void accounts.accounts;
  // @ts-expect-error -- the node's own
  void accounts.capture;
  // @ts-expect-error -- the node's own
  void accounts.restore;
  // @ts-expect-error -- a command isn't stale
  void accounts.$stale().deposit;
  // @ts-expect-error -- a command has no lease
  void accounts.$lease().deposit;
  // @ts-expect-error -- methods can't be replaced
  accounts.balance = (): Promise<number> => Promise.resolve(1);
  // @ts-expect-error -- a query changes nothing, and has no key
  void accounts.$stale().$idempotencyKey;
  // @ts-expect-error -- a session is an object with its own state, not its id
  void accounts.$session('7.1');
  // @ts-expect-error -- a key is a text
  void accounts.$idempotencyKey(7);

  const made: Replicated<Accounts> = createReplicated(Accounts, client);
  void made;
  // @ts-expect-error -- a client needs both calls
  void createReplicated(Accounts, { propose: client.propose });

  // @ts-expect-error -- a context isn't made by hand
  const context: CommandContext = {
    index: 1,
    term: 1,
    now: 1,
    session: undefined,
    date: () => new Date(),
    random: () => 1,
  };
  // @ts-expect-error -- a query's context is no command's
  const asCommand: CommandContext = {} as QueryContext;
  // @ts-expect-error -- a command's context is no query's
  const asQuery: QueryContext = {} as CommandContext;
  void [context, asCommand, asQuery];

  // @ts-expect-error -- objects as keys wouldn't be equal when they are restored
  void new SnapshotMap<{ readonly id: number }, string>();
}

export class Refused {
  // @ts-expect-error -- an async command of a machine in memory
  @RaftCommand()
  async asyncCommand(_context: CommandContext, owner: string): Promise<number> {
    return owner.length;
  }

  // @ts-expect-error -- a command that returns a promise
  @RaftCommand()
  promisingCommand(_context: CommandContext): Promise<void> {
    return Promise.resolve();
  }

  // @ts-expect-error -- a command that may return a promise
  @RaftCommand()
  sometimesPromising(context: CommandContext): Promise<number> | number {
    return context.index === 1 ? 1 : Promise.resolve(1);
  }

  // @ts-expect-error -- a command without a context
  @RaftCommand()
  withoutContext(owner: string): number {
    return owner.length;
  }

  // @ts-expect-error -- a command without parameters: callers' types are made by the context
  @RaftCommand()
  withoutParameters(): number {
    return 1;
  }

  // @ts-expect-error -- any is no context
  @RaftCommand()
  // oxlint-disable-next-line typescript/no-explicit-any -- what `any` does is what is tested
  anyContext(_context: any): number {
    return 1;
  }

  // @ts-expect-error -- a query without parameters
  @RaftQuery()
  queryWithoutParameters(): number {
    return 1;
  }

  // @ts-expect-error -- the context comes first
  @RaftCommand()
  trailingContext(owner: string, context: CommandContext): number {
    return owner.length + context.index;
  }

  // @ts-expect-error -- a command with a query's context
  @RaftCommand()
  wrongContext(context: QueryContext): number {
    return context.index;
  }

  // @ts-expect-error -- a query with a command's context
  @RaftQuery()
  wrongQueryContext(context: CommandContext): number {
    return context.index;
  }

  // @ts-expect-error -- options by name
  @RaftCommand({ version: 1 })
  wrongOption(context: CommandContext): number {
    return context.index;
  }

  // @ts-expect-error -- a capture is there at once
  @RaftSnapshot()
  asyncCapture(): Promise<SnapshotSource> {
    return Promise.reject(new Error());
  }

  // @ts-expect-error -- a capture is a source, not the state
  @RaftSnapshot()
  wrongCapture(): string {
    return '';
  }

  // @ts-expect-error -- chunks come one by one
  @RaftRestore()
  wrongRestore(state: Uint8Array): Promise<void> {
    return Promise.reject(new Error(String(state.length)));
  }

  // @ts-expect-error -- decorates methods
  @RaftCommand()
  readonly property = 1;
}
