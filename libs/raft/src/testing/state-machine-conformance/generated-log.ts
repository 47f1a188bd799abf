import type { Entry } from '../../core/base/entry';
import type { SeededRandom } from '../../core/base/random';
import { decodeCommand, encodeCommand, relayedCommand } from '../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../state-machine/contract';
import {
  encodeSessionOperation,
  type SessionOperation,
  stampSessionTime,
} from '../../state-machine/entries/session-entry';
import { decodeValue } from '../../state-machine/codec/value-codec';
import type { StateMachineConformanceContext, TestedMachine } from './state-machine-conformance-context';

const BEGINS_MS = 1_000_000;

interface KnownSession {
  readonly clientId: string;
  sequence: number;
  ackedThrough: number;
}

/** A log of entries of every kind, and what one machine made of it that got them one by one. */
export interface GeneratedLog {
  readonly entries: readonly Entry[];
  /** By index, each encoded. */
  readonly outcomes: ReadonlyMap<number, CommandOutcome>;
  /** By index: the whole state after this entry. */
  readonly states: ReadonlyMap<number, string>;
  /** Indexes of commands that were in a session or had a key. */
  readonly repeatable: ReadonlySet<number>;
  /** Whoever joins begins with one of these. */
  readonly snapshots: ReadonlyMap<number, readonly Uint8Array[]>;
}

/**
 * Writes a log by chance, with sessions and keys that come again, are acknowledged, end by their time and are closed, and time
 * that stands still and jumps. What it writes next depends on what the machine answered, so the machine is fed at once.
 */
export class LogWriter {
  private readonly entries: Entry[] = [];
  private readonly outcomes = new Map<number, CommandOutcome>();
  private readonly states = new Map<number, string>();
  private readonly repeatable = new Set<number>();
  private readonly snapshots = new Map<number, readonly Uint8Array[]>();
  private readonly sessions: KnownSession[] = [];
  private readonly keys: string[] = [];
  private timeMs = BEGINS_MS;
  private commands = 0;

  constructor(
    private readonly context: StateMachineConformanceContext,
    private readonly machine: TestedMachine,
    private readonly random: SeededRandom,
  ) {}

  async write(length: number): Promise<GeneratedLog> {
    while (this.entries.length < length) await this.append(this.next());
    const { entries, outcomes, states, repeatable, snapshots } = this;
    return { entries, outcomes, states, repeatable, snapshots };
  }

  private async append(entry: Entry): Promise<void> {
    const { context, machine } = this;
    const [outcome] = await machine.apply([entry]);
    this.entries.push(entry);
    this.outcomes.set(entry.index, outcome!);
    this.states.set(entry.index, await context.stateOf(machine));
    if (entry.kind === 'session') this.learn(outcome!);
    if (entry.index % 16 === 0) this.snapshots.set(entry.index, await context.chunksOf(machine));
  }

  private learn(outcome: CommandOutcome): void {
    if (outcome.status !== 'applied' || outcome.value === undefined) return;
    this.sessions.push({ clientId: decodeValue(outcome.value) as string, sequence: 0, ackedThrough: 0 });
  }

  private next(): Entry {
    const { context, random } = this;
    const index = this.entries.length + 1;
    this.pass();
    switch (random.between(0, 16)) {
      case 0:
        return context.entry(index, (['noop', 'configuration'] as const)[random.between(0, 2)]!, Uint8Array.of(1));
      case 1:
        return random.next() < 0.3
          ? context.entry(index, 'clusterVersion', Uint8Array.of(1))
          : context.clock(index, this.timeMs);
      case 2:
        return this.operation(index, { kind: 'open', ttlMs: 1000 * random.between(1, 6), nonce: random.nextUint32() });
      case 3:
        return this.changed(index);
      default:
        return context.stamped(index, this.command(index), this.timeMs);
    }
  }

  /** Mostly a little; at times so much that sessions end, or all of them and keys as well. */
  private pass(): void {
    const chance = this.random.next();
    if (chance < 0.02) this.timeMs += 660_000;
    else if (chance < 0.12) this.timeMs += this.random.between(900, 3000);
    else if (chance < 0.8) this.timeMs += this.random.between(0, 120);
  }

  private operation(index: number, operation: SessionOperation): Entry {
    const data = encodeSessionOperation(operation);
    stampSessionTime(data, this.timeMs);
    return this.context.entry(index, 'session', data);
  }

  /** A session is renewed or closed, one that has ended among them. */
  private changed(index: number): Entry {
    const session = this.session();
    if (session === undefined) return this.context.entry(index, 'noop');
    const { clientId } = session;
    if (this.random.next() < 0.3) return this.operation(index, { kind: 'close', clientId });
    return this.operation(index, { kind: 'keepAlive', clientId, ackedThrough: this.acknowledged(session) });
  }

  private command(index: number): Uint8Array {
    const { subject } = this.context;
    const { random } = this;
    const chance = random.next();
    const plain =
      chance < 0.1
        ? subject.refusedCommand()
        : chance < 0.15
          ? subject.failingCommand()
          : subject.command(++this.commands);
    const session = this.session();
    const how = random.next();
    const named =
      how < 0.55 && session !== undefined ? this.inSession(plain, session) : how < 0.8 ? this.keyed(plain) : undefined;
    if (named === undefined) return plain;
    this.repeatable.add(index);
    return named;
  }

  /** A new command of the session, with a gap now and then, or one that was sent before. */
  private inSession(plain: Uint8Array, session: KnownSession): Uint8Array | undefined {
    const { random } = this;
    const isAgain = session.sequence > 0 && random.next() < 0.25;
    const sequence = isAgain
      ? random.between(1, session.sequence + 1)
      : (session.sequence += random.next() < 0.1 ? random.between(2, 5) : 1);
    return relayedCommand(plain, { clientId: session.clientId, sequence, ackedThrough: this.acknowledged(session) });
  }

  private acknowledged(session: KnownSession): number {
    if (this.random.next() < 0.4)
      session.ackedThrough = this.random.between(session.ackedThrough, session.sequence + 1);
    return session.ackedThrough;
  }

  /** Undefined where the machine's commands aren't encoded as the library does it. */
  private keyed(plain: Uint8Array): Uint8Array | undefined {
    try {
      const { machine, command, args } = decodeCommand(plain);
      const isAgain = this.keys.length > 0 && this.random.next() < 0.4;
      const idempotencyKey = isAgain ? this.keys[this.random.between(0, this.keys.length)]! : `key ${this.keys.length}`;
      if (!isAgain) this.keys.push(idempotencyKey);
      return encodeCommand({ machine, command, args, idempotencyKey });
    } catch {
      return undefined;
    }
  }

  /** Rather one of the newest: the others have ended. */
  private session(): KnownSession | undefined {
    const { sessions, random } = this;
    return sessions.at(-1 - Math.min(random.between(0, 4), random.between(0, 4)));
  }
}

/** Asks for every session and key once more: whoever has other tables of clients answers otherwise. */
export async function probe(tested: TestedMachine, log: GeneratedLog): Promise<readonly CommandOutcome[]> {
  const again = log.entries
    .filter(({ index }) => log.repeatable.has(index))
    .map((entry, at): Entry => ({ ...entry, index: tested.lastIndex + 1 + at, data: entry.data.slice() }));
  return tested.apply(again);
}
