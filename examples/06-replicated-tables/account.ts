import { Column, Entity, ManyToOne, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity()
export class Account {
  @PrimaryColumn('text') owner!: string;
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
