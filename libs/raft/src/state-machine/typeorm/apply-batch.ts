import type { BackedCommand, BackedOutcome } from '../declare/backing';
import { MAX_RESULT_BYTES } from '../entries/client-limits';
import { failed, outcomeOfThrown, resultUnsent } from '../sessions/command-failure';
import type { RunOutcome } from '../entries/run-outcome';
import { isOfThisProcess } from '../host/process-error';
import { isRaftRejection } from '../declare/raft-rejection';
import { encodeValue } from '../codec/value-codec';
import type { ApplySession } from './apply-session';
import { UnrepeatableSqlError } from './command-queries';
import { HostTableCommandContext } from './host-table-context';
import { TIME_UNTOLD, WRITE_REFUSED } from './own-schema';
import type { PlainResults } from './plain-result';
import { answeredError, isConnectionError, meaningOf, sqlStateOf } from './sql-error';
import { outcomeOfMistake, SqlMistakeError } from './sql-mistake';

/** The batch has to be applied again, each command behind a savepoint: one of them refused after it had changed something. */
export class NeedsSavepointsError extends Error {
  override readonly name = 'NeedsSavepointsError';
}

/** This node's database failed: the batch is rolled back, and tried again. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
}

export interface BatchPorts {
  readonly machineName: string;
  readonly instance: object;
  /** Tells clusters and machines apart. */
  readonly origin: string;
  readonly results: PlainResults;
  /** Constraints that are deferred to the end of a transaction, and here to the end of a command. */
  readonly deferred: readonly string[];
  /** Commands of which it is decided that an SQL mistake costs them: index → SQLSTATE. They aren't run. */
  readonly mistakes: ReadonlyMap<number, string>;
  bug(index: number, message: string, error: unknown): void;
}

type Method = (...args: unknown[]) => unknown;

/**
 * Runs commands in the transaction that is open. Without savepoints the first command that has to be taken back ends the
 * attempt; it is rare, and savepoints cost two statements a command.
 *
 * @throws NeedsSavepointsError see there
 * @throws SqlMistakeError see there
 * @throws TransientError see there
 */
export async function runBatch(
  session: ApplySession,
  commands: readonly BackedCommand[],
  withSavepoints: boolean,
  ports: BatchPorts,
): Promise<readonly BackedOutcome[]> {
  const outcomes: BackedOutcome[] = [];
  let isFirst = true;
  session.queries.transactionBegins();
  for (const command of commands) {
    const mistake = ports.mistakes.get(command.index);
    if (mistake !== undefined) {
      // Not run for its answer: sequences that it draws from before its mistake would differ from those of nodes that are told of it.
      outcomes.push({ outcome: outcomeOfMistake(`${ports.machineName}.${command.method}`, mistake), changes: [] });
      continue;
    }
    if (withSavepoints) await own(session, `${isFirst ? '' : 'RELEASE SAVEPOINT command; '}SAVEPOINT command`);
    isFirst = false;
    const { outcome, changes, hasEffects } = await runCommand(session, command, ports);
    if (!hasEffects && session.queries.leftTraces) {
      if (!withSavepoints) throw new NeedsSavepointsError();
      await own(session, 'ROLLBACK TO SAVEPOINT command');
      session.queries.takenBack();
    }
    outcomes.push({ outcome, changes });
  }
  return outcomes;
}

interface Ran extends BackedOutcome {
  /** Otherwise whatever the command did is taken back. */
  readonly hasEffects: boolean;
}

async function runCommand(session: ApplySession, command: BackedCommand, ports: BatchPorts): Promise<Ran> {
  const { queries, seeded, queryRunner } = session;
  const method = `${ports.machineName}.${command.method}`;
  const context = new HostTableCommandContext(command, ports.origin, queryRunner.manager);
  queries.begin(command.timeMs, `${ports.origin} ${command.index}`);
  seeded.use(context);
  let result: unknown;
  let thrown: unknown;
  let threw = false;
  let changes: readonly unknown[] = [];
  try {
    const instance = ports.instance as Readonly<Record<string, Method>>;
    result = await instance[command.method]!(context, ...command.args);
    if (ports.deferred.length > 0) await checkDeferred(queryRunner, ports.deferred);
  } catch (error) {
    threw = true;
    thrown = error;
  } finally {
    queries.end();
    changes = context.end();
    seeded.use(undefined);
  }
  // What the command made of such an error doesn't count: another node hasn't met it.
  if (queries.transientError !== undefined) throw transient(queries.transientError);
  const mistake = queries.mistakeError ?? (meaningOf(thrown) === 'mistake' ? thrown : undefined);
  if (mistake !== undefined) throw new SqlMistakeError(command.index, sqlStateOf(mistake)!, mistake);
  if (threw) return { outcome: outcomeOf(thrown, method, command.index, ports), changes, hasEffects: false };
  // A transaction in which a statement failed takes nothing more, whatever the command says.
  if (queries.leftTraces && (await isAborted(session)))
    return {
      outcome: told(failed(`${method} went on after a statement that failed.`), command.index, ports),
      changes,
      hasEffects: false,
    };
  return { outcome: encoded(result, method, command, ports), changes, hasEffects: true };
}

function outcomeOf(thrown: unknown, method: string, index: number, ports: BatchPorts): RunOutcome {
  if (isRaftRejection(thrown)) return outcomeOfThrown(thrown, method);
  if (thrown instanceof UnrepeatableSqlError) return told(failed(`${method}: ${thrown.message}`), index, ports, thrown);
  const meaning = meaningOf(thrown);
  if (meaning === 'answer') {
    const details = answeredError(thrown);
    const place = details.constraint ?? details.column ?? details.table;
    return {
      status: 'rejected',
      reason: reasonOf(details.sqlState),
      message: `${method}: the database refused it (SQLSTATE ${details.sqlState}${place === undefined ? '' : `, ${place}`}).`,
      details: definedOnly(details),
    };
  }
  if (sqlStateOf(thrown) === WRITE_REFUSED)
    return told(
      failed(
        `${method} wrote a replicated table outside of its own transaction, or with TRUNCATE: use context.manager.`,
      ),
      index,
      ports,
      thrown,
    );
  if (sqlStateOf(thrown) === TIME_UNTOLD)
    return told(
      failed(
        `${method} asked the database for the time, for chance or for a UUID in a function or a view, where each node would give another: pass context.date(), context.random() or context.uuid() as a parameter.`,
      ),
      index,
      ports,
      thrown,
    );
  if (meaning === 'retry' || isConnectionError(thrown) || isOfThisProcess(thrown)) throw transient(thrown);
  return told(outcomeOfThrown(thrown, method), index, ports, thrown);
}

const REASONS: Readonly<Record<string, string>> = {
  '23502': 'NOT_NULL_VIOLATION',
  '23503': 'FOREIGN_KEY_VIOLATION',
  '23505': 'UNIQUE_VIOLATION',
  '23514': 'CHECK_VIOLATION',
  '23P01': 'EXCLUSION_VIOLATION',
  P0001: 'RAISED_EXCEPTION',
};

function reasonOf(sqlState: string): string {
  return REASONS[sqlState] ?? (sqlState.startsWith('22') ? 'DATA_EXCEPTION' : 'CONSTRAINT_VIOLATION');
}

function encoded(
  result: unknown,
  method: string,
  { index, isKept, isWanted }: BackedCommand,
  ports: BatchPorts,
): RunOutcome {
  if (!isKept && !isWanted) return { status: 'applied', value: undefined };
  try {
    const value = encodeValue(ports.results.of(result), 'result');
    if (value.length > MAX_RESULT_BYTES)
      throw new RangeError(`it has ${value.length} bytes, and may have ${MAX_RESULT_BYTES}: read it with a query`);
    return { status: 'applied', value };
  } catch (error) {
    // The effects stay: what a caller is told of them doesn't change them.
    return told(resultUnsent(method, (error as Error).message), index, ports, error);
  }
}

function told(outcome: RunOutcome, index: number, ports: BatchPorts, error?: unknown): RunOutcome {
  if (outcome.status === 'failed') ports.bug(index, outcome.message, error);
  return outcome;
}

async function checkDeferred(queryRunner: ApplySession['queryRunner'], deferred: readonly string[]): Promise<void> {
  await queryRunner.query(`SET CONSTRAINTS ${deferred.join(', ')} IMMEDIATE`);
  await queryRunner.query(`SET CONSTRAINTS ${deferred.join(', ')} DEFERRED`);
}

async function isAborted(session: ApplySession): Promise<boolean> {
  if (!session.queries.hasFailed) return false;
  try {
    await session.queries.own('SELECT 1');
    return false;
  } catch (error) {
    if (sqlStateOf(error) === '25P02') return true;
    throw transient(error);
  }
}

async function own(session: ApplySession, text: string): Promise<void> {
  try {
    await session.queries.own(text);
  } catch (error) {
    throw transient(error);
  }
}

function transient(cause: unknown): TransientError {
  return new TransientError(cause instanceof Error ? cause.message : String(cause), { cause });
}

function definedOnly(details: object): object {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}
