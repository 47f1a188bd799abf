import { Column, Entity, ManyToOne, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity()
export class Account {
  @PrimaryColumn('int') id!: number;
  @Column('bigint') balance!: string;
}

@Entity()
export class Transfer {
  @PrimaryGeneratedColumn('identity') id!: number;
  @ManyToOne(() => Account, { nullable: false }) from!: Account;
  @ManyToOne(() => Account, { nullable: false }) to!: Account;
  @Column('int') generation!: number;
}

/** How often money was moved. Every transfer writes it, and the generation of some documents, in one command. */
@Entity()
export class Marker {
  @PrimaryColumn('text') name!: string;
  @Column('int') generation!: number;
}

/** What makes the tables large. */
@Entity()
export class Document {
  @PrimaryColumn('int') id!: number;
  @ManyToOne(() => Account, { nullable: false }) owner!: Account;
  @Column('int') generation!: number;
  @Column('text') body!: string;
}

export const ARCHIVE_ENTITIES = [Account, Transfer, Marker, Document];

export const ACCOUNTS = 20;
export const FIRST_BALANCE = 1_000;
/** Bytes of a document's body; with the rest of its row, a little less than what COPY makes of it. */
export const BODY_BYTES = 992;

/** The tables of one moment. */
export interface View {
  readonly accounts: number;
  readonly sum: string;
  readonly generation: number;
  readonly transfers: number;
  readonly newestTransfer: number;
  /** Of the first document, the last and the one in the middle: each transfer writes all three. */
  readonly documents: readonly number[];
}

/** One statement, so that it sees one moment. */
export const VIEW = `
  SELECT (SELECT count(*)::int FROM account) AS accounts, (SELECT coalesce(sum(balance), 0)::text FROM account) AS sum,
    (SELECT coalesce(max(generation), 0) FROM marker) AS generation,
    (SELECT count(*)::int FROM transfer) AS transfers, (SELECT coalesce(max(generation), 0) FROM transfer) AS "newestTransfer",
    (SELECT coalesce(jsonb_agg(generation ORDER BY id), '[]') FROM document
     WHERE id IN (SELECT min(id) FROM document UNION SELECT max(id) FROM document UNION SELECT max(id) / 2 FROM document)) AS documents`;

/** @returns what is of different moments in it; a database in which nothing is yet is whole, too */
export function mixtureIn({
  accounts,
  sum,
  generation,
  transfers,
  newestTransfer,
  documents,
}: View): string | undefined {
  const isEmpty = accounts === 0 && documents.length === 0 && transfers === 0 && generation === 0;
  const isWhole =
    accounts === ACCOUNTS &&
    sum === String(ACCOUNTS * FIRST_BALANCE) &&
    [transfers, newestTransfer, ...documents].every((each) => each === generation) &&
    documents.length === 3;
  return isEmpty || isWhole
    ? undefined
    : JSON.stringify({ accounts, sum, generation, transfers, newestTransfer, documents });
}
