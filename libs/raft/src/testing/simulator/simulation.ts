import { DEFAULT_GROUP } from '../../core/types';
import { encodeQuery } from '../../state-machine/query-envelope';
import { decodeValue } from '../../state-machine/value-codec';
import { Chance } from './chance';
import { ClientHistory } from './client-history';
import { ClusterOracle } from './cluster-oracle';
import { CommittedRegisters } from './committed-registers';
import { FaultPlan } from './fault-plan';
import { PathCounts, type Path } from './paths';
import { drawSettings, LEAST_OF_A_SEED, type SeedSettings } from './seed-settings';
import { SimulatedNetwork } from './simulated-network';
import { SimulatedNode } from './simulated-node';
import { Trace } from './trace';
import { Verdict, Violation } from './violation';
import { VirtualTime } from './virtual-time';
import { SessionWorkload } from './session-workload';
import { KEYS, Workload } from './workload';
import type { World } from './world';

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
  /** The last steps, where they were asked for. */
  readonly trace: readonly string[];
}

/** @publicApi */
export interface SimulationOptions {
  /** How many of the last steps to keep as readable lines. Default 0. */
  readonly keepTrace?: number;
  /** Gets each step as a readable line. */
  readonly onTrace?: (line: string) => void;
}

/** After everything is healed, a leader has to be there and all nodes have to hold the same, within this time. */
const CONVERGES_WITHIN_MS = 15_000;
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
  private events = 0;
  private ranCode = false;
  private founded = false;

  constructor(
    readonly seed: number,
    options: SimulationOptions = {},
  ) {
    this.settings = drawSettings(seed);
    const chance = new Chance(seed ^ 0x5eed);
    const time = new VirtualTime();
    const { keepTrace = 0, onTrace } = options;
    const trace = new Trace(time, onTrace === undefined ? { keep: keepTrace } : { keep: keepTrace, sink: onTrace });
    this.world = { time, paths: new PathCounts(), trace, verdict: new Verdict() };
    this.registers = new CommittedRegisters(this.world.verdict, this.history, (path, times) =>
      this.world.paths.count(path, times),
    );
    this.oracle = new ClusterOracle(this.world, (entry) => this.registers.add(entry));
    const { network: conditions, coded } = this.settings;
    const network = new SimulatedNetwork(this.world, { ...conditions }, coded, chance.fork(), this.oracle);
    const founders = Array.from({ length: this.settings.nodes }, (_, at) => ({
      id: `n${at + 1}`,
      peer: `n${at + 1}:7001`,
    }));
    const around = {
      world: this.world,
      settings: this.settings,
      network,
      oracle: this.oracle,
      chance: chance.fork(),
      entered: () => (this.ranCode = true),
    };
    this.nodes = founders.map(({ id, peer }) => new SimulatedNode(id, peer, founders, around));
    this.faults = new FaultPlan(this.world, chance.fork(), this.nodes, network, this.settings);
    this.workload = new Workload(this.world, chance.fork(), this.nodes, this.history, this.registers, this.settings);
    const { thinkMs, keys } = this.settings;
    this.sessions = new SessionWorkload(
      this.world,
      chance.fork(),
      this.nodes,
      this.history,
      this.registers,
      thinkMs,
      KEYS.slice(0, keys),
    );
    for (const node of this.nodes) time.after(chance.uniform(0, 500), () => node.start());
  }

  async run(): Promise<SeedResult> {
    const unhandled = (reason: unknown) => this.record('no rejection is left unhandled', reason);
    process.on('unhandledRejection', unhandled);
    try {
      await this.story();
    } catch (error) {
      this.record('nothing throws', error);
    } finally {
      process.off('unhandledRejection', unhandled);
    }
    return this.result();
  }

  private async story(): Promise<void> {
    const { settings, workload, faults, history } = this;
    const { time, verdict } = this.world;
    this.sampleAll();
    workload.start(settings.clients);
    this.sessions.start(settings.sessionClients);
    faults.start();
    await this.runUntil(settings.healAtMs, () => false);
    faults.heal();
    const convergeByMs = settings.healAtMs + CONVERGES_WITHIN_MS;
    await this.runUntil(Math.max(settings.endAtMs, time.nowMs), () => false);
    // A cluster that was down for long has answered few calls.
    await this.runUntil(2 * settings.endAtMs, () => history.length >= LEAST_OF_A_SEED.calls);
    workload.stop();
    this.sessions.stop();
    await this.runUntil(Math.max(convergeByMs, time.nowMs + CONVERGES_WITHIN_MS), () => this.hasConverged());
    verdict.check(
      this.hasConverged(),
      'a healed cluster converges',
      () => `${CONVERGES_WITHIN_MS} ms after everything was healed:\n${this.nodes.map(describeNode).join('\n')}`,
    );
    await this.readFromAll();
    history.checkLinearizable(verdict, (operation) => this.registers.tookEffect(operation));
    await this.stopAll();
  }

  private sampleAll(): void {
    if (!this.founded && this.nodes.every((node) => node.disk.groups.has(DEFAULT_GROUP))) {
      this.founded = true;
      this.world.paths.count('founding finished');
    }
    for (const node of this.nodes) node.sample();
    this.world.time.after(SAMPLE_EVERY_MS, () => this.sampleAll());
  }

  private async runUntil(untilMs: number, isDone: () => boolean): Promise<void> {
    const { time, verdict } = this.world;
    while (!isDone() && time.runNext(untilMs)) {
      this.events++;
      // Everything that follows from this step by promises alone runs before the next one, as it does in an event loop.
      if (this.ranCode) await nextTurn();
      this.ranCode = false;
      if (verdict.violation !== undefined) throw verdict.violation;
    }
  }

  private hasConverged(): boolean {
    const healthy = this.nodes.filter((node) => !node.wiped);
    const logs = healthy.map((node) => node.current?.raft.status());
    const leaders = logs.filter((status) => status?.isLeader);
    return (
      leaders.length === 1 &&
      this.workload.isIdle &&
      this.sessions.isIdle &&
      this.nodes.every((node) => !node.wiped || node.quarantined) &&
      logs.every((status) => status?.appliedIndex === leaders[0]!.lastIndex && status.phase === 'running')
    );
  }

  /** Every node answers from all that was committed. */
  private async readFromAll(): Promise<void> {
    const { time, verdict } = this.world;
    const expected = JSON.stringify(this.registers.everything());
    for (const node of this.nodes.filter((each) => !each.wiped)) {
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
      faults: this.faults.faults,
      entries: this.oracle.ledger.lastIndex,
      hash: trace.hash,
      paths: paths.toRecord(),
      trace: trace.lines,
    };
  }
}

/** @returns when all promises that can go on have gone on */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function describeNode(node: SimulatedNode): string {
  const status = node.current?.raft.status();
  if (status === undefined) return `  ${node.name} is down`;
  const { phase, role, term, lastIndex, durableIndex, commitIndex, appliedIndex, reason } = status;
  return (
    `  ${node.name}${node.wiped ? ' (wiped)' : ''}: ${phase}, ${role} in term ${term}, last ${lastIndex}, durable ${durableIndex}, ` +
    `committed ${commitIndex}, applied ${appliedIndex} ${reason}`
  );
}

/** Runs one seed. */
export function simulate(seed: number, options: SimulationOptions = {}): Promise<SeedResult> {
  return new Simulation(seed, options).run();
}
