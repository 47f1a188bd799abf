import { RaftCommand, RaftQuery, RaftRejection, RaftStateMachine } from 'nestjs-raft';
import { TableCommandContext, TableQueryContext, typeOrmTables } from 'nestjs-raft/typeorm';
import { Account, Transfer } from './account';

export interface ReportLine {
  readonly owner: string;
  readonly balance: string;
  readonly received: string;
}

@RaftStateMachine('bank', typeOrmTables({ entities: [Account, Transfer] }))
export class Bank {
  @RaftCommand()
  async transfer(context: TableCommandContext, from: string, to: string, amount: number): Promise<number> {
    const { manager } = context;
    const sender = await manager.findOneBy(Account, { owner: from });
    if (sender === null || BigInt(sender.balance) < BigInt(amount))
      throw new RaftRejection('INSUFFICIENT_FUNDS', { balance: sender?.balance ?? '0' });
    const receiver =
      (await manager.findOneBy(Account, { owner: to })) ?? manager.create(Account, { owner: to, balance: '0' });
    sender.balance = String(BigInt(sender.balance) - BigInt(amount));
    receiver.balance = String(BigInt(receiver.balance) + BigInt(amount));
    await manager.save([sender, receiver]);
    const transfer = manager.create(Transfer, {
      from: sender,
      to: receiver,
      amount: String(amount),
      at: context.date(),
    });
    return (await manager.save(transfer)).id;
  }

  @RaftQuery()
  report({ manager }: TableQueryContext): Promise<ReportLine[]> {
    return manager.query<ReportLine[]>(`
      SELECT owner, balance, coalesce(sum(amount), 0)::text AS received
      FROM account LEFT JOIN transfer ON "toOwner" = owner GROUP BY owner ORDER BY owner`);
  }
}
