import type { BackedCommand, BackedOutcome } from '../declare/backing';
import { answerOfRow, answerRow, outcomeOfAnswer, storedAnswer } from '../sessions/stored-answer';
import type { RunOutcome } from '../entries/run-outcome';
import { decodeValue, encodeValue } from '../codec/value-codec';
import type { Database } from './database';
import type { OwnNames } from './sql-names';

/**
 * Outcomes that answer retries, stored with the effects: commands that the tables hold already aren't run again when the log is
 * replayed, and what they answered has to come from somewhere.
 */
export class KeptOutcomes {
  constructor(
    private readonly machine: string,
    private readonly names: OwnNames,
  ) {}

  async read(database: Database): Promise<ReadonlyMap<number, RunOutcome>> {
    const rows = (await database.query(`SELECT index, outcome FROM ${this.names.outcome} WHERE machine = $1`, [
      this.machine,
    ])) as readonly { readonly index: string; readonly outcome: Buffer }[];
    return new Map(
      rows.map(({ index, outcome }) => [
        Number(index),
        outcomeOfAnswer(answerOfRow(decodeValue(outcome) as readonly unknown[])),
      ]),
    );
  }

  async write(
    database: Database,
    commands: readonly BackedCommand[],
    outcomes: readonly BackedOutcome[],
  ): Promise<void> {
    const indexes: number[] = [];
    const encoded: Buffer[] = [];
    commands.forEach(({ index, isKept }, at) => {
      if (!isKept) return;
      indexes.push(index);
      encoded.push(Buffer.from(encodeValue(answerRow(storedAnswer(index, outcomes[at]!.outcome)))));
    });
    if (indexes.length === 0) return;
    await database.query(
      `INSERT INTO ${this.names.outcome} (machine, index, outcome) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])`,
      [this.machine, indexes, encoded],
    );
  }

  /** @param through the last index whose outcome is kept elsewhere, too */
  async forget(database: Database, through: number): Promise<void> {
    await database.query(`DELETE FROM ${this.names.outcome} WHERE machine = $1 AND index <= $2`, [
      this.machine,
      through,
    ]);
  }
}
