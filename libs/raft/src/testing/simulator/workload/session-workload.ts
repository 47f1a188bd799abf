import { isRaftError } from '../../../errors/raft-error';
import type { Ordered } from '../../../runtime/base/call-options';
import { encodeCommand } from '../../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../../state-machine/contract';
import type { Chance } from '../base/chance';
import { describe, type ClientHistory, type ClientOperation } from '../histories/client-history';
import type { CommittedRegisters } from '../histories/committed-registers';
import { answerOf, argumentsOf } from '../registers/register-calls';
import type { RegisterCommand } from '../registers/register-model';
import { CALLS_OF_A_SESSION_CLIENT } from '../simulated/seed-settings';
import type { NodeLifecycle, SimulatedNode } from '../simulated/simulated-node';
import type { World } from '../base/world';

const HOP_MS = 0.2;
const TTLS_MS = [3000, 8000, 60_000];
/** Mean times of a client between two commands, and before it sends one again. */
const THINK_MS = 1200;
const RETRY_MS = 400;
const MOST_ATTEMPTS = 8;
const FIRST_CLIENT = 100;
const MACHINE = 'registers';

interface Session {
  readonly clientId: string;
  sequence: number;
  ackedThrough: number;
  /** Where its last command that was answered was applied. */
  lastIndex: number;
}

interface Attempts {
  readonly session: Session;
  readonly sequence: number;
  readonly operation: ClientOperation;
  count: number;
  lastNode: SimulatedNode | undefined;
}

/** How one attempt ended: an outcome, the code of an error, or nothing that the client could hear. */
type End = Ordered<CommandOutcome> | { readonly code: string } | undefined;

/**
 * Clients with a session of the cluster. What isn't answered they send again, with the same number, to any node that they reach;
 * and sometimes what is answered already, for which they must get the same answer.
 */
export class SessionWorkload {
  private finished = false;
  private stopped = false;
  private open = 0;
  private toCome = 0;
  private readonly made = new Map<number, number>();

  constructor(
    private readonly world: World,
    private readonly chance: Chance,
    private readonly nodes: readonly SimulatedNode[],
    private readonly history: ClientHistory,
    private readonly registers: CommittedRegisters,
    private readonly keys: readonly string[],
  ) {}

  start(clients: number): void {
    this.toCome = clients * CALLS_OF_A_SESSION_CLIENT;
    for (let client = FIRST_CLIENT; client < FIRST_CLIENT + clients; client++) this.think(client, undefined);
  }

  /** No new commands; what isn't answered may still be sent again. */
  finish(): void {
    this.finished = true;
    this.toCome = 0;
  }

  stop(): void {
    this.stopped = true;
  }

  /** How many calls may still come. */
  get left(): number {
    return this.toCome;
  }

  get isIdle(): boolean {
    return this.open === 0;
  }

  private think(client: number, session: Session | undefined): void {
    const made = this.made.get(client) ?? 0;
    if (made >= CALLS_OF_A_SESSION_CLIENT) return;
    this.world.time.after(this.chance.exponential(THINK_MS), () => {
      if (this.stopped || this.finished) return;
      if (session === undefined) this.openSession(client);
      else this.command(client, session);
    });
  }

  private openSession(client: number): void {
    const { chance, world } = this;
    const node = this.reachable();
    if (node === undefined) {
      this.think(client, undefined);
      return;
    }
    const ttlMs = chance.pick(TTLS_MS);
    let session: Session | undefined;
    this.ask(
      chance.pick(node.reachable),
      async ({ raft }) => {
        const opened = await raft.openSession({ ttlMs, timeoutMs: 2000 });
        // The client isn't the node: it keeps the session alive by its commands, or not at all.
        opened.detach();
        session = { clientId: opened.id, sequence: 0, ackedThrough: 0, lastIndex: 0 };
        return undefined;
      },
      () => {
        if (session !== undefined) world.paths.count('opened a session');
        this.think(client, session);
      },
    );
  }

  private command(client: number, session: Session): void {
    const { chance, world } = this;
    const call: RegisterCommand = chance.happens(0.7)
      ? { kind: 'increment' }
      : { kind: 'append', value: `s${session.sequence + 1}.` };
    this.toCome--;
    this.made.set(client, (this.made.get(client) ?? 0) + 1);
    const operation = this.history.begin({
      client,
      node: 'any node',
      key: chance.pick(this.keys),
      call,
      consistency: 'linearizable',
      after: 0,
      calledAt: world.time.nowMs,
    });
    const sequence = ++session.sequence;
    this.attempt({ session, sequence, operation, count: 0, lastNode: undefined });
  }

  private attempt(attempts: Attempts): void {
    if (this.stopped) return;
    const { chance, world } = this;
    const { operation, session, sequence } = attempts;
    const node = this.reachable();
    if (node === undefined) {
      this.again(attempts);
      return;
    }
    if (attempts.count++ > 0 && node !== attempts.lastNode) world.paths.count('retried a command on another node');
    attempts.lastNode = node;
    const { clientId, ackedThrough } = session;
    const { id, key, call } = operation;
    const command = encodeCommand({
      machine: MACHINE,
      command: call.kind,
      args: [id, key, ...argumentsOf(call as RegisterCommand)],
      session: { clientId, sequence, ackedThrough },
    });
    const timeoutMs = chance.pick([400, 2000]);
    world.trace.add('call', `c${operation.client}`, id, () => `${describe(operation)}, attempt ${attempts.count}`);
    this.ask(
      chance.pick(node.reachable),
      ({ raft }) => raft.propose(command, { timeoutMs, forward: !chance.happens(0.1) }),
      (end) => this.ended(attempts, end),
    );
  }

  private ended(attempts: Attempts, end: End): void {
    const { world, chance } = this;
    const { session, sequence, operation } = attempts;
    const code = end === undefined ? 'unheard' : 'code' in end ? end.code : end.value.status;
    world.trace.add('answer', `c${operation.client}`, operation.id, () => `${describe(operation)}: ${code}`);
    if (end === undefined || 'code' in end || end.value.status === 'busy') {
      this.again(attempts);
      return;
    }
    if (end.value.status === 'sessionExpired') {
      world.paths.count('answered session expired');
      // Unless there is no such session any more, only what was acknowledged may be forgotten: and this wasn't.
      this.think(operation.client, undefined);
      return;
    }
    const isFirst = operation.outcome !== 'answered';
    this.checkAnswer(attempts, end);
    if (!isFirst) world.paths.count('got the first answer again');
    if (chance.happens(isFirst ? 0.4 : 0.1)) {
      this.again(attempts);
      return;
    }
    session.ackedThrough = sequence;
    this.think(operation.client, session);
  }

  private checkAnswer({ session, operation }: Attempts, { value: outcome, index }: Ordered<CommandOutcome>): void {
    const { verdict, time } = this.world;
    const answer = answerOf(outcome);
    if (answer === undefined)
      return verdict.fail('no command fails by itself', `${JSON.stringify(outcome)}\n${describe(operation)}`);
    if (operation.outcome === 'answered') {
      const before = operation.answer!;
      verdict.check(
        index === operation.index && answer.refused === before.refused && answer.value === before.value,
        'a repetition gets the first answer',
        () => `it got ${answer.value} at index ${index}:\n${describe(operation)}`,
      );
      return;
    }
    operation.outcome = 'answered';
    operation.answeredAt = time.nowMs;
    operation.answer = answer;
    operation.index = index;
    verdict.check(
      index > session.lastIndex,
      'the commands of a session are applied in their order',
      () => `the one before was applied at index ${session.lastIndex}:\n${describe(operation)}`,
    );
    session.lastIndex = index;
    this.registers.checkAnswer(operation);
  }

  /** The same command, with the same number. A client that gives up never sends it again, and so needs no answer. */
  private again(attempts: Attempts): void {
    const { session, sequence, operation } = attempts;
    if (this.stopped || attempts.count >= MOST_ATTEMPTS) {
      session.ackedThrough = sequence;
      this.think(operation.client, session);
      return;
    }
    this.world.time.after(this.chance.exponential(RETRY_MS), () => this.attempt(attempts));
  }

  private reachable(): SimulatedNode | undefined {
    const node = this.chance.pick(this.nodes);
    return node.reachable.length === 0 ? undefined : node;
  }

  /** Calls `end` once: with what came back, or without, where the process ended or stands still. */
  private ask(
    life: NodeLifecycle,
    call: (life: NodeLifecycle) => Promise<Ordered<CommandOutcome> | undefined>,
    end: (end: End) => void,
  ): void {
    const { time } = this.world;
    this.open++;
    let isOver = false;
    const over = (result: End): void => {
      if (isOver) return;
      isOver = true;
      this.open--;
      life.ended.delete(killed);
      end(result);
    };
    const killed = (): void => over(undefined);
    life.ended.add(killed);
    time.after(5000, () => over(undefined));
    life.process.input(HOP_MS, () => {
      call(life).then(
        (result) => time.after(HOP_MS, () => over(result)),
        (error: unknown) => {
          if (!isRaftError(error)) this.world.verdict.keep('every failure has a code', String(error));
          else time.after(HOP_MS, () => over({ code: error.code }));
        },
      );
    });
  }
}
