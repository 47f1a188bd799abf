// What both sides of the benchmark of tables do: the same entities, and the same transaction by the same ORM.
import {
  Column,
  type DataSource,
  Entity,
  type EntityManager,
  In,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
} from 'typeorm';

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
  @Column('bigint') amount!: string;
  @Column('timestamptz') at!: Date;
}

export const BANK = [Account, Transfer];

const FIRST_BALANCE = 1_000_000;

/** What a service writes that moves money: it reads two accounts and locks them, updates both, and inserts a row. */
export async function transfer(
  manager: EntityManager,
  at: Date,
  from: number,
  to: number,
  amount: number,
): Promise<number> {
  // In the order of their ids: transactions side by side would otherwise wait for each other in a circle.
  const accounts = await manager.find(Account, {
    where: { id: In([from, to]) },
    order: { id: 'ASC' },
    lock: { mode: 'pessimistic_write' },
  });
  const sender = accounts.find(({ id }) => id === from);
  const receiver = accounts.find(({ id }) => id === to);
  if (sender === undefined || receiver === undefined) throw new Error(`There is no account ${from} or ${to}`);
  sender.balance = String(BigInt(sender.balance) - BigInt(amount));
  receiver.balance = String(BigInt(receiver.balance) + BigInt(amount));
  await manager.save([sender, receiver]);
  const { id } = await manager.save(
    manager.create(Transfer, { from: sender, to: receiver, amount: String(amount), at }),
  );
  return id;
}

export async function open(manager: EntityManager, count: number): Promise<void> {
  await manager.query('INSERT INTO account (id, balance) SELECT id, $2 FROM generate_series(1, $1::int) AS id', [
    count,
    FIRST_BALANCE,
  ]);
}

export interface Books {
  /** What is missing or too much in all accounts together. */
  readonly difference: string;
  readonly transfers: number;
  /** Of all rows. */
  readonly content: string;
}

/** Looks at the tables past everything. */
export async function books(dataSource: DataSource): Promise<Books> {
  const [row] = await dataSource.query<[Books]>(
    `SELECT (SELECT coalesce(sum(balance - ${FIRST_BALANCE}), 0)::text FROM account) AS difference,
       (SELECT count(*)::int FROM transfer) AS transfers,
       md5((SELECT string_agg(a::text, ' ' ORDER BY id) FROM account a) || (SELECT string_agg(t::text, ' ' ORDER BY id) FROM transfer t)) AS content`,
  );
  return row;
}
