import { isRaftError, type RaftErrorCode } from '../../../errors/raft-error';
import type { Ordered } from '../../../runtime/base/call-options';
import { encodeCommand } from '../../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../../state-machine/contract';
import { encodeQuery } from '../../../state-machine/entries/query-envelope';
import { CallArrivals, isOfRush } from './call-arrivals';
import { Chance } from '../base/chance';
import { describe, type ClientHistory, type ClientOperation } from '../histories/client-history';
import type { CommittedRegisters } from '../histories/committed-registers';
import type { Path } from '../base/paths';
import { answerOf, argumentsOf } from '../registers/register-calls';
import type { RegisterCall, RegisterValue } from '../registers/register-model';
import type { Script, ScriptedStep } from '../base/script';
import { CALLS_OF_A_SEED, type SeedSettings } from '../simulated/seed-settings';
import type { NodeLifecycle, SimulatedNode } from '../simulated/simulated-node';
import type { World } from '../base/world';

export const KEYS = ['alder', 'birch', 'cedar', 'damson', 'elm'];
const MACHINE = 'registers';
const HOP_MS = 0.2;
/** The share of values that alone reach some of the limits. */
const LARGE_SHARE = 0.03;
const MIXED_READS = { linearizable: 70, lease: 10, stale: 20 };
/** The share of calls in a rush that reach who leads, or believes so; and that of its reads: each needs a write beside it. */
const TO_LEADERS = 0.8;
const READS_IN_A_RUSH = 0.5;
/** So long before its end a seed has made its calls. */
const MARGIN_MS = 1000;
const LEASE_READS = { linearizable: 20, lease: 70, stale: 10 };

const PATH_OF_CODE: Partial<Record<RaftErrorCode, Path>> = {
  RAFT_NOT_LEADER: 'answered not leader',
  RAFT_NO_LEADER: 'answered no leader',
  RAFT_BUSY: 'answered busy',
  RAFT_INDETERMINATE: 'answered indeterminate',
  RAFT_TIMEOUT: 'answered time-out',
  RAFT_STORAGE: 'answered storage trouble',
  RAFT_SHUTTING_DOWN: 'answered shutting down',
};

/** Clients that call any node that they reach, and write down what they are told. */
export class Workload {
  private readonly known = new Map<string, RegisterValue>();
  /** The greatest index that each client was told. */
  private readonly seen = new Map<number, number>();
  private readonly made: ScriptedStep[] = [];
  private readonly arrivals: CallArrivals;
  private open = 0;

  constructor(
    private readonly seed: number,
    private readonly world: World,
    private readonly nodes: readonly SimulatedNode[],
    private readonly history: ClientHistory,
    private readonly registers: CommittedRegisters,
    private readonly settings: SeedSettings,
    private readonly script: Script | undefined,
    /** How many calls others are still to make. */
    othersLeft: () => number,
  ) {
    const { rushes } = settings;
    const left = (): number => CALLS_OF_A_SEED - history.length - othersLeft();
    const plan = { rushes, calls: CALLS_OF_A_SEED, endAtMs: settings.endAtMs - MARGIN_MS };
    this.arrivals = new CallArrivals(seed, world, plan, left, (number) => this.call(number));
  }

  start(): void {
    const { script, world } = this;
    if (script === undefined) this.arrivals.start();
    else for (const { number, atMs } of script.calls) world.time.after(atMs, () => this.call(number));
  }

  /** Another leads than before, and the one before may not know. */
  leaderChanged(): void {
    if (this.script === undefined) this.arrivals.leaderChanged();
  }

  /** Many calls come at once, most of them to who leads, or believes so. */
  rush(): void {
    if (this.script === undefined) this.arrivals.rush();
  }

  /** The calls that there were. */
  get steps(): readonly ScriptedStep[] {
    return this.made;
  }

  /** No new calls; those under way may still be answered. */
  stop(): void {
    this.arrivals.stop();
  }

  get isIdle(): boolean {
    return this.open === 0;
  }

  /** @returns false where it reached no process */
  private call(number: number): boolean {
    const { world, settings } = this;
    const chance = Chance.of(this.seed, 'call', number);
    const life = this.reached(chance, number);
    if (life === undefined) return false;
    const client = (number % settings.clients) + 1;
    const key = KEYS[chance.between(0, settings.keys)]!;
    const call = this.drawCall(chance, number, key);
    const consistency =
      call.kind === 'get' ? chance.weighted(settings.leaseReads === null ? MIXED_READS : LEASE_READS) : 'linearizable';
    const after = consistency === 'stale' && chance.happens(0.5) ? (this.seen.get(client) ?? 0) : 0;
    const operation = this.history.begin({
      client,
      node: life.process.label,
      key,
      call,
      consistency,
      after,
      calledAt: world.time.nowMs,
    });
    this.made.push({ number, atMs: world.time.nowMs });
    world.trace.add('call', `c${client}`, operation.id, () => describe(operation));

    this.open++;
    let isOver = false;
    const over = (end: () => void) => {
      if (isOver) return;
      isOver = true;
      this.open--;
      life.ended.delete(killed);
      end();
      world.trace.add('answer', `c${client}`, operation.id, () => describe(operation));
    };
    const killed = () => over(() => world.paths.count('call ended with its process'));
    life.ended.add(killed);
    const timeoutMs = chance.pick([400, 2000, 5000]);
    // Whoever waits for a process that stands still gives up at some time.
    world.time.after(timeoutMs + 3000, () => over(() => undefined));
    life.process.input(HOP_MS, () => {
      this.submit(life, operation, timeoutMs, !chance.happens(0.1)).then(
        (result) => world.time.after(HOP_MS, () => over(() => this.answered(operation, result))),
        (error: unknown) => world.time.after(HOP_MS, () => over(() => this.refused(operation, error))),
      );
    });
    return true;
  }

  private reached(chance: Chance, number: number): NodeLifecycle | undefined {
    const leading = isOfRush(number) && chance.happens(TO_LEADERS) ? this.nodes.filter((node) => node.isLeading) : [];
    const lives = chance.pick(leading.length > 0 ? leading : this.nodes).reachable;
    return lives.length === 0 ? undefined : chance.pick(lives);
  }

  private submit(
    { raft }: NodeLifecycle,
    { id, key, call, consistency, after }: ClientOperation,
    timeoutMs: number,
    forward: boolean,
  ): Promise<Ordered<CommandOutcome>> {
    const { kind } = call;
    if (kind === 'get')
      return raft.query(encodeQuery({ machine: MACHINE, query: 'get', args: [key] }), {
        timeoutMs,
        consistency,
        forward,
        ...(after > 0 && { after }),
      });
    return raft.propose(encodeCommand({ machine: MACHINE, command: kind, args: [id, key, ...argumentsOf(call)] }), {
      timeoutMs,
      forward,
    });
  }

  private answered(operation: ClientOperation, { value: outcome, index }: Ordered<CommandOutcome>): void {
    const answer = answerOf(outcome);
    if (answer === undefined)
      this.world.verdict.fail('no command fails by itself', `${JSON.stringify(outcome)}\n${describe(operation)}`);
    operation.outcome = 'answered';
    operation.answeredAt = this.world.time.nowMs;
    operation.answer = answer;
    operation.index = index;
    this.known.set(operation.key, answer.value);
    this.seen.set(operation.client, Math.max(index, this.seen.get(operation.client) ?? 0));
    this.history.checkOrder(this.world.verdict, operation);
    this.world.paths.count(pathOf(operation));
    this.registers.checkAnswer(operation);
  }

  private refused(operation: ClientOperation, error: unknown): void {
    if (!isRaftError(error)) {
      const what = error instanceof Error ? error.stack : String(error);
      this.world.verdict.keep('every failure has a code', `${what}\n${describe(operation)}`);
      return;
    }
    operation.code = error.code;
    const path = PATH_OF_CODE[error.code];
    if (path !== undefined) this.world.paths.count(path);
    if (!error.notApplied) return;
    operation.outcome = 'notApplied';
    this.registers.checkNotApplied(operation);
  }

  private drawCall(chance: Chance, number: number, key: string): RegisterCall {
    const isRead = chance.happens(isOfRush(number) ? READS_IN_A_RUSH : this.settings.reads);
    const kind = isRead ? 'get' : chance.weighted({ put: 25, append: 12, increment: 12, compareAndSet: 16 });
    const value = `${number}.${chance.happens(LARGE_SHARE) ? '*'.repeat(chance.between(200, 3000)) : ''}`;
    switch (kind) {
      case 'get':
      case 'increment':
        return { kind };
      case 'put':
      case 'append':
        return { kind, value };
      case 'compareAndSet':
        return { kind, expected: this.known.get(key) ?? null, value };
    }
  }
}

function pathOf({ call, consistency, answer, after }: ClientOperation): Path {
  if (call.kind !== 'get') return answer!.refused ? 'rejected a command' : 'applied a command';
  if (after > 0) return 'answered a read of the own writes';
  if (consistency === 'stale') return 'answered a stale read';
  return consistency === 'lease' ? 'answered a lease read' : 'answered a linearizable read';
}
