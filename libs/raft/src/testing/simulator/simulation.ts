import type { Entry } from '../../core/base/entry';
import { DEFAULT_GROUP } from '../../core/base/types';
import { encodeQuery } from '../../state-machine/entries/query-envelope';
import { decodeValue } from '../../state-machine/codec/value-codec';
import { Chance } from './base/chance';
import { ClientHistory } from './histories/client-history';
import { ClusterOracle } from './rules/cluster-oracle';
import { CommittedRegisters } from './histories/committed-registers';
import { FaultPlan } from './faults/fault-plan';
import { checkAges } from './histories/freshness-rule';
import { drawDiagram } from './message-diagram';
import { PathCounts, type Path } from './base/paths';
import type { Script } from './base/script';
import { CALLS_OF_A_SEED, drawSettings, type SeedSettings, THREE_HEARTBEATS_MS } from './simulated/seed-settings';
import { Settlement } from './workload/settlement';
import { SimulatedNetwork } from './simulated/simulated-network';
import { SimulatedNode } from './simulated/simulated-node';
import { Trace, type TraceStep } from './base/trace';
import { Verdict, Violation } from './base/violation';
import { VirtualTime } from './base/virtual-time';
import { SessionWorkload } from './workload/session-workload';
import { KEYS, Workload } from './workload/workload';
import type { World } from './base/world';

/** What became of one seed. */
export interface SeedResult {
  readonly seed: number;
  readonly violation: { readonly rule: string; readonly message: string } | undefined;
  readonly settings: SeedSettings;
  readonly simulatedMs: number;
  readonly events: number;
  readonly calls: number;
  readonly faults: number;
  readonly entries: number;
  /** Two runs of a seed have the same. */
  readonly hash: string;
  readonly paths: Readonly<Record<Path, number>>;
  /** What happened, and when: a run by it does the same. */
  readonly script: Script;
  /** The last steps, where they were asked for. */
  readonly trace: readonly string[];
}

/** @publicApi */
export interface SimulationOptions {
  /** How many of the last steps to keep as readable lines. Default 0. */
  readonly keepTrace?: number;
  /** Gets each step as a readable line. */
  readonly onTrace?: (line: string) => void;
  /** Gets each step as it is, for whoever draws it. */
  readonly onStep?: (step: TraceStep) => void;
  /** Only these faults and calls, of those that the seed stands for. */
  readonly script?: Script;
}

/**
 * After everything is healed, a leader has to be there and all nodes have to hold the same, within this time: the longest
 * election time-outs and calls between nodes, one behind the other, on a clock that may be a third too slow.
 */
const CONVERGES_WITHIN_MS = 25_000;
const SAMPLE_EVERY_MS = 50;
const FINAL_READ_MS = 10_000;

/**
 * Runs one seed: nodes, their faults and their clients, in virtual time, all drawn from one number. Everything of the product
 * but its scheduler, storage and transport is the real thing.
 */
export class Simulation {
  private readonly settings: SeedSettings;
  private readonly world: World;
  private readonly history = new ClientHistory();
  private readonly registers: CommittedRegisters;
  private readonly oracle: ClusterOracle;
  private readonly nodes: readonly SimulatedNode[];
  private readonly faults: FaultPlan;
  private readonly workload: Workload;
  private readonly sessions: SessionWorkload;
  private readonly settlement: Settlement;
  private events = 0;
  private ranCode = false;
  private founded = false;

  constructor(
    readonly seed: number,
    private readonly options: SimulationOptions = {},
  ) {
    this.settings = drawSettings(seed);
    const time = new VirtualTime();
    const { keepTrace: keep = 0, onTrace: sink, onStep: steps } = options;
    const trace = new Trace(time, { keep, ...(sink !== undefined && { sink }), ...(steps !== undefined && { steps }) });
    this.world = { time, paths: new PathCounts(), trace, verdict: new Verdict() };
    this.registers = new CommittedRegisters(this.world.verdict, this.history, (path, times) =>
      this.world.paths.count(path, times),
    );
    this.oracle = new ClusterOracle(this.world, (entry) => this.registers.add(entry));
    const { network: conditions, coded } = this.settings;
    const network = new SimulatedNetwork(this.world, { ...conditions }, coded, seed, this.oracle);
    const names = Array.from({ length: this.settings.nodes + this.settings.spares }, (_, at) => `n${at + 1}`);
    const founders = names.slice(0, this.settings.nodes).map((id) => ({ id, peer: addressOf(id) }));
    const around = {
      world: this.world,
      settings: this.settings,
      network,
      oracle: this.oracle,
      placeOf: (name: string) => this.nodes.find((node) => node.name === name)?.address ?? addressOf(name),
      entered: () => (this.ranCode = true),
      sliced: (entries: readonly Entry[]) => {
        if (this.registers.hasEndWithin(entries))
          this.world.paths.count('a session ended within a slice of a database');
      },
    };
    this.nodes = names.map(
      (name) => new SimulatedNode(name, addressOf(name), founders, { ...around, chance: Chance.of(seed, name) }),
    );
    const { script } = options;
    this.faults = new FaultPlan(seed, this.world, this.nodes, network, this.oracle, this.settings, script);
    this.sessions = new SessionWorkload(
      this.world,
      Chance.of(seed, 'sessions'),
      this.nodes,
      this.history,
      this.registers,
      KEYS.slice(0, this.settings.keys),
    );
    const { world, nodes, history, registers, settings } = this;
    this.workload = new Workload(seed, world, nodes, history, registers, settings, script, () => this.sessions.left);
    this.oracle.onLeader = () => this.workload.leaderChanged();
    this.faults.onRush = () => this.workload.rush();
    this.settlement = new Settlement(nodes, this.oracle, () => this.workload.isIdle && this.sessions.isIdle);
    for (const node of this.nodes)
      time.after(Chance.of(seed, 'start', this.nodes.indexOf(node)).uniform(0, 500), () => node.start());
  }

  async run(): Promise<SeedResult> {
    const unhandled = (reason: unknown) => this.record('no rejection is left unhandled', reason);
    process.on('unhandledRejection', unhandled);
    try {
      await this.story();
    } catch (error) {
      this.record('nothing throws', error);
    } finally {
      // What nobody has handled by now is reported in this turn.
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', unhandled);
    }
    return this.result();
  }

  private async story(): Promise<void> {
    const { settings, workload, faults, history } = this;
    const { time, verdict } = this.world;
    const { script } = this.options;
    const healAtMs = script?.healAtMs ?? settings.healAtMs;
    this.countDrift();
    this.sampleAll();
    workload.start();
    this.sessions.start(script?.sessionClients ?? settings.sessionClients);
    faults.start();
    await this.runUntil(healAtMs, () => false);
    faults.heal();
    this.sessions.finish();
    const convergeByMs = healAtMs + CONVERGES_WITHIN_MS;
    if (script === undefined) {
      await this.runUntil(Math.max(settings.endAtMs, time.nowMs), () => false);
      // Where nobody was there to be called, some are left.
      await this.runUntil(2 * settings.endAtMs, () => history.length >= CALLS_OF_A_SEED);
    } else await this.runUntil(Math.max(healAtMs, script.calls.at(-1)?.atMs ?? 0), () => false);
    workload.stop();
    this.sessions.stop();
    await this.runUntil(Math.max(convergeByMs, time.nowMs + CONVERGES_WITHIN_MS), () => this.settlement.isReached);
    verdict.check(
      this.settlement.isReached,
      'a healed cluster converges',
      () => `${CONVERGES_WITHIN_MS} ms after everything was healed:\n${this.settlement.describe()}`,
    );
    this.countLongWay();
    await this.readFromAll();
    history.checkLinearizable(verdict, (operation) => this.registers.placeOf(operation));
    await this.stopAll();
  }

  private sampleAll(): void {
    if (!this.founded && this.nodes.every((node) => node.isDormant || node.disk.groups.has(DEFAULT_GROUP))) {
      this.founded = true;
      this.world.paths.count('founding finished');
    }
    for (const node of this.nodes) node.sample();
    checkAges(this.world, this.history, this.nodes, this.settings.clockDrift);
    this.world.time.after(SAMPLE_EVERY_MS, () => this.sampleAll());
  }

  private async runUntil(untilMs: number, isDone: () => boolean): Promise<void> {
    const { time, verdict } = this.world;
    while (!isDone() && time.runNext(untilMs)) {
      this.events++;
      // Everything that follows from this step by promises alone runs before the next one, as it does in an event loop.
      if (this.ranCode) await settled();
      this.ranCode = false;
      if (verdict.violation !== undefined) throw verdict.violation;
    }
  }

  private countLongWay(): void {
    const { paths } = this.world;
    if (2 * this.settings.network.minDelayMs >= THREE_HEARTBEATS_MS)
      paths.count('truncated a conflict over a long way', paths.of('truncated a conflict'));
  }

  private countDrift(): void {
    const { clockDrift, leaseReads } = this.settings;
    if (clockDrift < 0.05) return;
    const { paths } = this.world;
    paths.count(leaseReads === null ? 'clocks drifted beyond any margin' : 'clocks drifted up to the margin');
  }

  /** Every node answers from all that was committed. */
  private async readFromAll(): Promise<void> {
    const { time, verdict } = this.world;
    const expected = JSON.stringify(this.registers.everything());
    for (const node of this.settlement.members()) {
      let answer: string | undefined;
      const { raft, process } = node.current!;
      const query = encodeQuery({ machine: 'registers', query: 'everything', args: [] });
      process.input(0, () => {
        raft
          .barrier({ timeoutMs: FINAL_READ_MS / 2 })
          .then(() => raft.query(query, { consistency: 'stale' }))
          .then(
            ({ value }) =>
              (answer = value.status === 'applied' ? JSON.stringify(decodeValue(value.value!)) : value.status),
            (error: unknown) => (answer = String(error)),
          );
      });
      await this.runUntil(time.nowMs + FINAL_READ_MS, () => answer !== undefined);
      verdict.check(
        answer === expected,
        'all nodes hold what was committed',
        () => `${node.name} answers ${answer}, the log says ${expected}`,
      );
    }
  }

  private async stopAll(): Promise<void> {
    const running = this.nodes.filter((node) => node.isUp);
    let left = running.length;
    for (const node of running) node.stop(() => left--);
    await this.runUntil(this.world.time.nowMs + FINAL_READ_MS, () => left === 0);
    this.world.verdict.check(left === 0, 'stopping is bounded in time', () => `${left} nodes still run`);
  }

  private record(rule: string, error: unknown): void {
    if (error instanceof Violation || this.world.verdict.violation !== undefined) return;
    try {
      this.world.verdict.fail(rule, error instanceof Error ? (error.stack ?? error.message) : String(error));
    } catch {
      // It is kept.
    }
  }

  private result(): SeedResult {
    const { trace, paths, verdict, time } = this.world;
    const { violation } = verdict;
    return {
      seed: this.seed,
      violation: violation && { rule: violation.rule, message: violation.message },
      settings: this.settings,
      simulatedMs: time.nowMs,
      events: this.events,
      calls: this.history.length,
      faults: this.faults.steps.length,
      entries: this.oracle.ledger.lastIndex,
      hash: trace.hash,
      paths: paths.toRecord(),
      script: {
        faults: this.faults.steps,
        calls: this.workload.steps,
        sessionClients: this.options.script?.sessionClients ?? this.settings.sessionClients,
        healAtMs: this.options.script?.healAtMs ?? this.settings.healAtMs,
      },
      trace: trace.lines,
    };
  }
}

/** How many steps may pass before the event loop goes round: only then are rejections reported that nobody handles. */
const STEPS_PER_TURN = 200;
let turns = 0;

/**
 * @returns when all promises that can go on have gone on. A tick that a microtask asks for runs behind all microtasks, and
 * costs far less than a turn of the event loop
 */
function settled(): Promise<void> {
  if (++turns % STEPS_PER_TURN === 0) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}

function addressOf(name: string): string {
  return `${name}:7001`;
}

/** @returns the story of a run as a message diagram */
export async function tell(seed: number, script: Script): Promise<string> {
  const steps: TraceStep[] = [];
  await simulate(seed, { script, onStep: (step) => steps.push(step) });
  const nodes = new Set(steps.filter(({ kind }) => kind === 'start').map(({ who }) => who.split('.', 1)[0]!));
  return drawDiagram(steps, [...nodes].sort());
}

/** Runs one seed. */
export function simulate(seed: number, options: SimulationOptions = {}): Promise<SeedResult> {
  return new Simulation(seed, options).run();
}
