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

export enum AccountKind {
  checking = 'checking',
  savings = 'savings',
}

/** Everything that a database likes to compute by itself. */
@Entity()
export class Account {
  @PrimaryGeneratedColumn('uuid') id!: string;
  @Column({ type: 'text', unique: true }) owner!: string;
  @Column({ type: 'numeric', precision: 20, scale: 2 }) balance!: string;
  @Column({ type: 'enum', enum: AccountKind, default: AccountKind.checking }) kind!: AccountKind;
  @Column({ type: 'jsonb', default: {} }) last!: Record<string, unknown>;
  @Column({ type: 'text', array: true, default: [] }) tags!: string[];
  @CreateDateColumn({ type: 'timestamptz' }) createdAt!: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updatedAt!: Date;
  @VersionColumn() version!: number;
}

/** Its reference is the client's, and not unique: one that was applied twice is there twice. */
@Entity()
export class Transfer {
  @PrimaryGeneratedColumn('identity') id!: number;
  @Column({ type: 'text' }) reference!: string;
  @ManyToOne(() => Account, { nullable: false }) from!: Account;
  @ManyToOne(() => Account, { nullable: false }) to!: Account;
  @Column({ type: 'numeric', precision: 20, scale: 2 }) amount!: string;
  @Column({ type: 'timestamptz', default: () => 'now()' }) at!: Date;
  @OneToMany(() => Note, ({ transfer }) => transfer, { cascade: true }) notes!: Note[];
}

@Entity()
export class Note {
  @PrimaryGeneratedColumn('uuid') id!: string;
  @Column({ type: 'text' }) text!: string;
  @ManyToOne(() => Transfer, ({ notes }) => notes, { nullable: false, onDelete: 'CASCADE' }) transfer!: Transfer;
}

export const BANK_ENTITIES = [Account, Transfer, Note];
/** The tables, and what they are ordered by where they are compared. */
export const BANK_TABLES = ['account', 'transfer', 'note'] as const;
