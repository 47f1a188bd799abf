import {
  Column,
  CreateDateColumn,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  UpdateDateColumn,
  VersionColumn,
} from 'typeorm';
import { RaftCommand, RaftQuery, RaftRejection, RaftStateMachine } from '../../libs/raft/src/state-machine';
import { TableCommandContext, TableQueryContext, typeOrmTables } from '../../libs/raft/src/state-machine/typeorm';

export enum AccountKind {
  checking = 'checking',
  savings = 'savings',
}

/** Everything that a database likes to compute by itself. */
@Entity()
export class Account {
  @PrimaryGeneratedColumn('uuid') id!: string;
  @Column({ unique: true }) owner!: string;
  @Column({ type: 'bigint', default: 0 }) balance!: string;
  @Column({ type: 'numeric', precision: 20, scale: 4, nullable: true }) rate!: string | null;
  @Column({ type: 'enum', enum: AccountKind, default: AccountKind.checking }) kind!: AccountKind;
  @Column({ type: 'jsonb', default: {} }) notes!: Record<string, unknown>;
  @Column({ type: 'text', array: true, default: [] }) tags!: string[];
  @CreateDateColumn({ type: 'timestamptz' }) createdAt!: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updatedAt!: Date;
  @VersionColumn() version!: number;
  @OneToMany(() => Transfer, ({ from }) => from, { cascade: true }) sent!: Transfer[];
}

@Entity()
export class Transfer {
  @PrimaryGeneratedColumn('identity') id!: number;
  @ManyToOne(() => Account, ({ sent }) => sent, { nullable: false, onDelete: 'CASCADE' }) from!: Account;
  @ManyToOne(() => Account, { nullable: false, onDelete: 'CASCADE' }) to!: Account;
  @Column({ type: 'bigint' }) amount!: string;
  @Column({ type: 'timestamptz', default: () => 'now()' }) at!: Date;
}

export const BANK_ENTITIES = [Account, Transfer];

export interface BankOptions {
  readonly commandsPerTransaction?: number;
  readonly allowTriggers?: readonly string[];
  readonly retryForMs?: number;
}

/** Makes the machine for one way to the database, as an application would in its own module. */
export function bankOn(dataSourceUrl: string | undefined, options: BankOptions = {}) {
  @RaftStateMachine(
    'bank',
    dataSourceUrl === undefined
      ? typeOrmTables({ entities: BANK_ENTITIES, ...options })
      : typeOrmTables({ entities: BANK_ENTITIES, url: dataSourceUrl, retryForMs: 2000, ...options }),
  )
  class Bank {
    @RaftCommand()
    async open({ manager }: TableCommandContext, owner: string, balance = 0): Promise<Account> {
      return manager.save(manager.create(Account, { owner, balance: String(balance) }));
    }

    @RaftCommand()
    async transfer({ manager }: TableCommandContext, from: string, to: string, amount: number): Promise<number> {
      const sender = await manager.findOneByOrFail(Account, { owner: from });
      const receiver = await manager.findOneByOrFail(Account, { owner: to });
      sender.balance = String(BigInt(sender.balance) - BigInt(amount));
      receiver.balance = String(BigInt(receiver.balance) + BigInt(amount));
      await manager.save([sender, receiver]);
      if (BigInt(sender.balance) < 0n) throw new RaftRejection('INSUFFICIENT_FUNDS', { owner: from });
      const { id } = await manager.save(
        manager.create(Transfer, { from: sender, to: receiver, amount: String(amount) }),
      );
      return id;
    }

    /** Writes every kind of column, and transfers with the account that sent them. */
    @RaftCommand()
    async settle({ manager }: TableCommandContext, owner: string, to: string, amounts: number[]): Promise<Account> {
      const receiver = await manager.findOneByOrFail(Account, { owner: to });
      return manager.save(
        manager.create(Account, {
          owner,
          balance: '12345678901234567890'.slice(0, 18),
          rate: '1234567.8901',
          kind: AccountKind.savings,
          notes: { nested: { list: [1, 'two', null, { three: 3.5 }] }, quote: `it's "so"` },
          tags: ['plain', 'with, comma', '"quoted"', '', 'back\\slash'],
          sent: amounts.map((amount) => ({ to: receiver, amount: String(amount) })),
        }),
      );
    }

    /** Changes an account; the database takes the transfers of another along. */
    @RaftCommand()
    async close({ manager }: TableCommandContext, owner: string, instead: string): Promise<number> {
      await manager.remove(await manager.findOneByOrFail(Account, { owner }));
      const other = await manager.findOneByOrFail(Account, { owner: instead });
      other.tags = [...other.tags, `was ${owner}`];
      return (await manager.save(other)).version;
    }

    @RaftCommand()
    async sql({ manager }: TableCommandContext, text: string, values: unknown[] = []): Promise<unknown> {
      return manager.query(text, values);
    }

    /** Runs something, and goes on whatever comes of it. */
    @RaftCommand()
    async caught({ manager }: TableCommandContext, text: string): Promise<string> {
      try {
        await manager.query(text);
        return 'went well';
      } catch {
        return 'went wrong';
      }
    }

    @RaftCommand()
    async slowly({ manager }: TableCommandContext, seconds: number): Promise<string> {
      const { id } = await manager.save(manager.create(Account, { owner: 'slow' }));
      await manager.query('SELECT pg_sleep($1)', [seconds]);
      return id;
    }

    @RaftQuery()
    async total({ manager }: TableQueryContext): Promise<string> {
      const [row] = await manager.query<{ sum: string }[]>(
        'SELECT coalesce(sum(balance), 0)::text AS sum FROM account',
      );
      return row!.sum;
    }

    @RaftQuery()
    async report({ manager }: TableQueryContext): Promise<{ sum: string; last: number }> {
      const [row] = await manager.query<{ sum: string; last: number }[]>(
        'SELECT (SELECT sum(balance)::text FROM account) AS sum, max(id) AS last FROM transfer',
      );
      return row!;
    }

    @RaftQuery()
    async misguided({ manager }: TableQueryContext): Promise<void> {
      await manager.update(Account, { owner: 'ada' }, { balance: '1' });
    }

    @RaftQuery()
    accounts({ manager }: TableQueryContext): Promise<Account[]> {
      return manager.find(Account, { order: { owner: 'ASC' }, relations: { sent: true } });
    }
  }
  return Bank;
}
