import { isRaftError } from '../../errors/raft-error';
import type { BackedCommand, BackedOutcome } from '../declare/backing';
import type { MistakeJudge } from './mistake-judge';
import { SchemaChangedError, SqlMistakeError } from './sql-mistake';

export interface CommandBatchesPorts {
  readonly machine: string;
  readonly commandsPerTransaction: number;
  readonly judge: MistakeJudge;
  /** Follows a schema that was changed. @returns the hash of the one that commands are run under now */
  schemaHash(): Promise<string>;
  /**
   * Applies them in one transaction, those without running them that `mistakes` has.
   *
   * @throws SchemaChangedError see there
   * @throws SqlMistakeError one of the others made a mistake; none is applied
   */
  together(
    commands: readonly BackedCommand[],
    mistakes: ReadonlyMap<number, string>,
  ): Promise<readonly BackedOutcome[]>;
  isClosed(): boolean;
  bug(message: string): void;
}

/** Applies commands in transactions of several, and finds its way round those that make an SQL mistake. */
export class CommandBatches {
  /** A mistake that may be its session's was met by this command, and it is run in another session. */
  private inNewSession = 0;

  constructor(private readonly ports: CommandBatchesPorts) {}

  async apply(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
    const { commandsPerTransaction, judge } = this.ports;
    const outcomes: BackedOutcome[] = [];
    while (outcomes.length < commands.length) {
      const rest = commands.slice(outcomes.length, outcomes.length + commandsPerTransaction);
      const applied = await this.applyBeginning(rest);
      if (applied.length > 0) judge.passed();
      else if (this.ports.isClosed())
        throw new Error(
          `The node is being stopped, and ${judge.waitsFor ?? `a command of '${this.ports.machine}' waits`}`,
        );
      outcomes.push(...applied);
    }
    return outcomes;
  }

  /** @returns outcomes of the first commands; of none where schema and members have to be looked at again */
  private async applyBeginning(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
    const { judge, machine } = this.ports;
    let own: string;
    try {
      own = await this.ports.schemaHash();
    } catch (error) {
      if (!isRaftError(error)) throw error;
      await judge.wait(error.message);
      return [];
    }
    const foresight = await judge.foresee(commands, own);
    if (foresight.kind === 'again') return [];
    const { mistakes } = foresight;
    for (const [index, sqlState] of mistakes)
      this.ports.bug(
        `At index ${index}: a command of '${machine}' made an SQL mistake on other nodes (SQLSTATE ${sqlState}), which costs it here, too`,
      );
    try {
      return await this.ports.together(commands, mistakes);
    } catch (error) {
      if (error instanceof SchemaChangedError) return [];
      if (!(error instanceof SqlMistakeError)) throw error;
      const at = commands.findIndex(({ index }) => index === error.index);
      // Those before it got through: they are applied without it, so that each command is run twice at most.
      if (at > 0) return this.beginning(commands.slice(0, at), mistakes);
      return this.judged(commands[0]!, error, own);
    }
  }

  private async judged(command: BackedCommand, error: SqlMistakeError, own: string): Promise<readonly BackedOutcome[]> {
    const { judge, machine } = this.ports;
    const { index, sqlState, cause } = error;
    if (error.isOfSession && this.inNewSession !== index) {
      this.inNewSession = index;
      return [];
    }
    const judgement = await judge.judge(command, error, own);
    if (judgement.kind === 'again') return [];
    const text = cause instanceof Error ? cause.stack : error.message;
    this.ports.bug(
      `At index ${index}: ${machine}.${command.method} made an SQL mistake, which costs it (SQLSTATE ${sqlState}): ${text}`,
    );
    return this.beginning([command], new Map([[index, judgement.sqlState]]));
  }

  private async beginning(
    commands: readonly BackedCommand[],
    mistakes: ReadonlyMap<number, string>,
  ): Promise<readonly BackedOutcome[]> {
    try {
      return await this.ports.together(commands, mistakes);
    } catch (error) {
      if (error instanceof SchemaChangedError) return [];
      throw error;
    }
  }
}
