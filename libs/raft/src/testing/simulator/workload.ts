import { isRaftError, type RaftErrorCode } from '../../core/raft-error';
import type { Ordered } from '../../runtime/raft-node-options';
import { encodeCommand } from '../../state-machine/command-envelope';
import type { CommandOutcome } from '../../state-machine/contract';
import { encodeQuery } from '../../state-machine/query-envelope';
import { Chance } from './chance';
import { describe, type ClientHistory, type ClientOperation } from './client-history';
import type { CommittedRegisters } from './committed-registers';
import type { Path } from './paths';
import { answerOf, argumentsOf } from './register-calls';
import type { RegisterCall, RegisterValue } from './register-model';
import type { Script, ScriptedStep } from './script';
import type { SeedSettings } from './seed-settings';
import type { NodeLife, SimulatedNode } from './simulated-node';
import type { World } from './world';

export const KEYS = ['alder', 'birch', 'cedar', 'damson', 'elm'];
const MACHINE = 'registers';
const HOP_MS = 0.2;
/** The share of values that alone reach some of the limits. */
const LARGE_SHARE = 0.03;
const MIXED_READS = { linearizable: 70, lease: 10, stale: 20 };
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
  private number = 0;
  private stopped = false;
  private open = 0;

  constructor(
    private readonly seed: number,
    private readonly world: World,
    private readonly nodes: readonly SimulatedNode[],
    private readonly history: ClientHistory,
    private readonly registers: CommittedRegisters,
    private readonly settings: SeedSettings,
    private readonly script: Script | undefined,
  ) {}

  start(): void {
    const { script, world, settings } = this;
    if (script === undefined) for (let client = 1; client <= settings.clients; client++) this.think(client, 0);
    else for (const { number, atMs } of script.calls) world.time.after(atMs, () => this.call(number, () => undefined));
  }

  /** The calls that there were. */
  get steps(): readonly ScriptedStep[] {
    return this.made;
  }

  /** No new calls; those under way may still be answered. */
  stop(): void {
    this.stopped = true;
  }

  get isIdle(): boolean {
    return this.open === 0;
  }

  private think(client: number, turn: number): void {
    const chance = Chance.of(this.seed, `client ${client}`, turn);
    this.world.time.after(chance.exponential(this.settings.thinkMs), () => {
      if (this.stopped) return;
      let left = chance.happens(0.1) ? chance.between(2, 8) : 1;
      const answered = (): void => {
        if (--left === 0) this.think(client, turn + 1);
      };
      for (let count = left; count > 0; count--) {
        // Clients take turns in the numbers, so that a number says whose call it is.
        if (!this.call(this.nextNumber(client), answered)) answered();
      }
    });
  }

  private nextNumber(client: number): number {
    const { clients } = this.settings;
    return clients * this.number++ + client - 1;
  }

  /** @returns false where it reached no process */
  private call(number: number, done: () => void): boolean {
    const { world, settings } = this;
    const chance = Chance.of(this.seed, 'call', number);
    const lives = chance.pick(this.nodes).reachable;
    if (lives.length === 0) return false;
    const life = chance.pick(lives);
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
      done();
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

  private submit(
    { raft }: NodeLife,
    { id, key, call, consistency, after }: ClientOperation,
    timeoutMs: number,
    forward: boolean,
  ): Promise<Ordered<CommandOutcome>> {
    const { kind } = call;
    if (kind === 'get') {
      return raft.query(encodeQuery({ machine: MACHINE, query: 'get', args: [key] }), {
        timeoutMs,
        consistency,
        forward,
        ...(after > 0 && { after }),
      });
    }
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
    const isRead = chance.happens(this.settings.reads);
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
