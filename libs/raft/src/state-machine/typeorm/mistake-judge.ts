import type { BackedCommand } from '../declare/backing';
import type { CommandFates, FatesElsewhere } from '../contract';
import { CancellablePause } from './patience';
import type { SqlMistakeError } from './sql-mistake';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;
const NOBODY: FatesElsewhere = { answers: new Map(), silent: [] };

export interface MistakeJudgePorts {
  readonly machine: string;
  warn(sentence: string): void;
  /** @returns the hash of this node's schema, as it is now; what was read of the schema before is read again where it differs */
  currentSchemaHash(): Promise<string>;
}

/** What is decided of a command before it is run. */
export type Foresight =
  { readonly kind: 'decided'; readonly mistakes: ReadonlyMap<number, string> } | { readonly kind: 'again' };
/** And of one that made a mistake. */
export type Judgement = { readonly kind: 'costs'; readonly sqlState: string } | { readonly kind: 'again' };

/**
 * Decides what an SQL mistake of a command means, so that all nodes decide alike.
 *
 * An entry says which schema the voters had when the leader accepted it. A node with that schema finds by itself what every such
 * node finds: there the mistake costs the command, and is recorded. A node with another schema can't know that, whether the
 * command succeeds here or not. It asks the others: where one of them has applied the command, that decides; where nobody has, and
 * all have one schema now, that schema does. Otherwise it waits, and tries again.
 */
export class MistakeJudge {
  private ask: ((indexes: readonly number[]) => Promise<FatesElsewhere>) | undefined;
  private sentence: string | undefined;
  private readonly pause = new CancellablePause();
  private pauseMs = FIRST_PAUSE_MS;

  constructor(private readonly ports: MistakeJudgePorts) {}

  askOthers(ask: (indexes: readonly number[]) => Promise<FatesElsewhere>): void {
    this.ask = ask;
  }

  get waitsFor(): string | undefined {
    return this.sentence;
  }

  stopWaiting(): void {
    this.pause.cancel();
  }

  /** A command got through. */
  passed(): void {
    this.sentence = undefined;
    this.pauseMs = FIRST_PAUSE_MS;
  }

  /**
   * Finds out what the others made of commands that were accepted under another schema than `own`.
   *
   * @returns those that cost themselves elsewhere, and so here; or that the decision has to be made again
   */
  async foresee(commands: readonly BackedCommand[], own: string): Promise<Foresight> {
    const foreign = commands.filter(({ schemaHash }) => schemaHash !== own);
    const mistakes = new Map<number, string>();
    if (foreign.length === 0 || this.ask === undefined) return { kind: 'decided', mistakes };
    const elsewhere = await this.ask(foreign.map(({ index }) => index));
    for (const { index, schemaHash, method } of foreign) {
      const fate = fateOf(index, elsewhere);
      if (fate.kind === 'mistake') mistakes.set(index, fate.sqlState);
      // Where the voters had no common schema, no node answers a mistake unless all have one by then, this one included.
      const isFree = fate.kind === 'effects' || (fate.kind === 'nobody' && schemaHash === undefined);
      if (fate.kind === 'mistake' || isFree || isAlikeEverywhere(elsewhere, own)) continue;
      const why =
        fate.kind === 'forgotten'
          ? 'the nodes that have applied it no longer know what became of it: take a snapshot on one of them, give this node an empty store, and let it join again'
          : `it was accepted when the voters had another schema, and no member that answers has applied it${silentIn(elsewhere)}`;
      await this.wait(`the command ${this.ports.machine}.${method} of entry ${index} isn't run here yet: ${why}`);
      return { kind: 'again' };
    }
    return { kind: 'decided', mistakes };
  }

  /** @param own hash of the schema under which the command was run */
  async judge({ index, schemaHash, method }: BackedCommand, mistake: SqlMistakeError, own: string): Promise<Judgement> {
    const { sqlState } = mistake;
    if ((await this.ports.currentSchemaHash()) !== own) return { kind: 'again' };
    const elsewhere = await (this.ask?.([index]) ?? NOBODY);
    const fate = fateOf(index, elsewhere);
    if (fate.kind === 'mistake') return { kind: 'costs', sqlState: fate.sqlState };
    const isDecided =
      (fate.kind !== 'effects' && schemaHash === own) || (fate.kind === 'nobody' && isAlikeEverywhere(elsewhere, own));
    if (isDecided && !mistake.isOfNode) return { kind: 'costs', sqlState };
    const why = mistake.isOfNode
      ? 'the role that this node connects as lacks a right: grant it'
      : fate.kind === 'effects'
        ? `${fate.node} has carried it out, so its database differs from this one: run its migrations here`
        : `this node's schema isn't that of every voter: run the migrations on all of them${silentIn(elsewhere)}`;
    await this.wait(
      `the command ${this.ports.machine}.${method} of entry ${index} can't be run on this node's database (SQLSTATE ${sqlState}: ${mistake.message}), and ${why}`,
    );
    return { kind: 'again' };
  }

  /** Lets some time pass, in which the status says what is waited for. */
  async wait(sentence: string): Promise<void> {
    if (this.sentence !== sentence) this.ports.warn(`'${this.ports.machine}' waits: ${sentence}. It is tried again.`);
    this.sentence = sentence;
    const { pauseMs } = this;
    this.pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    await this.pause.for(pauseMs);
  }
}

type Fate =
  | { readonly kind: 'mistake'; readonly sqlState: string }
  | { readonly kind: 'effects'; readonly node: string }
  /** It is applied elsewhere, and what became of it isn't known there. */
  | { readonly kind: 'forgotten' }
  /** Nobody who answers has applied it. */
  | { readonly kind: 'nobody' };

function fateOf(index: number, { answers }: FatesElsewhere): Fate {
  let isForgotten = false;
  // In one order, so that what is said of them doesn't change from time to time.
  for (const [node, fates] of [...answers].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const sqlState = fates.mistakes.get(index);
    if (sqlState !== undefined) return { kind: 'mistake', sqlState };
    if (fates.lastIndex < index) continue;
    if (index >= fates.knownFrom) return { kind: 'effects', node };
    isForgotten = true;
  }
  return { kind: isForgotten ? 'forgotten' : 'nobody' };
}

function isAlikeEverywhere({ answers, silent }: FatesElsewhere, own: string): boolean {
  const isSame = ({ schemaHash }: CommandFates): boolean => schemaHash === own;
  return silent.length === 0 && [...answers.values()].every(isSame);
}

function silentIn({ silent }: FatesElsewhere): string {
  return silent.length === 0 ? '' : ` (no answer: ${[...silent].sort().join(', ')})`;
}
