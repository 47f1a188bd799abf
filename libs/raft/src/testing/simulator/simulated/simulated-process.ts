import type { Chance } from '../base/chance';
import { PHASES, type Phase, type VirtualEvent, type VirtualTime } from '../base/virtual-time';

/** Something that a process waits for. */
export interface ProcessTask {
  readonly phase: Phase;
  /** The socket that it comes in on; what comes in on one is read in its order. */
  readonly source: object | undefined;
  event: VirtualEvent | undefined;
  run: (() => void) | undefined;
}

/**
 * One life of a node's process: everything that it waits for goes through here, so that a crash cuts all of it off and a
 * pause (SIGSTOP) lets it wait.
 */
export class SimulatedProcess {
  private alive = true;
  private paused = false;
  private waiting: ProcessTask[] = [];

  /**
   * @param label the node's name and the number of this life
   * @param entered told before anything of this process runs
   */
  constructor(
    private readonly time: VirtualTime,
    readonly label: string,
    private readonly entered: () => void,
  ) {}

  get isAlive(): boolean {
    return this.alive;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  get isRunning(): boolean {
    return this.alive && !this.paused;
  }

  /** How much waits for the end of the pause. */
  get backlog(): number {
    return this.waiting.length;
  }

  /** Runs `run` in this process, `delayMs` from now; never, if the process has crashed by then. */
  after(delayMs: number, phase: Phase, run: () => void, source?: object): ProcessTask {
    const task: ProcessTask = { phase, source, event: undefined, run };
    task.event = this.time.schedule(this.time.nowMs + delayMs, phase, () => this.arrive(task));
    return task;
  }

  /** Something comes in from outside: a message, a call, or the answer of a disk. */
  input(delayMs: number, run: () => void, source?: object): ProcessTask {
    return this.after(delayMs, PHASES.input, run, source);
  }

  cancel(task: ProcessTask): void {
    task.run = undefined;
    if (task.event !== undefined) this.time.cancel(task.event);
    task.event = undefined;
  }

  /** SIGKILL: nothing of this process runs any more. */
  crash(): void {
    this.alive = false;
    this.waiting = [];
  }

  /** SIGSTOP: timers and input wait. */
  pause(): void {
    this.paused = true;
  }

  /**
   * SIGCONT. Sockets are read one after the other, in whatever order the system names them; so a message may be read before
   * an older one of another peer.
   *
   * @param inputFirst the process was stopped just before it read its sockets. Otherwise it goes on with its timers: an
   * election timer then fires before the heartbeats are read that wait
   */
  resume(inputFirst: boolean, chance: Chance): void {
    if (!this.paused) return;
    this.paused = false;
    const waiting = this.waiting;
    this.waiting = [];
    const inputs = bySource(waiting.filter(isInput), chance);
    const others = waiting.filter((task) => !isInput(task));
    for (const task of inputFirst ? [...inputs, ...others] : [...others, ...inputs]) {
      const phase = inputFirst && task.phase !== PHASES.deferred ? PHASES.timer : task.phase;
      task.event = this.time.schedule(this.time.nowMs, phase, () => this.arrive(task));
    }
  }

  private arrive(task: ProcessTask): void {
    const { run } = task;
    if (!this.alive || run === undefined) return;
    if (this.paused) {
      this.waiting.push(task);
      return;
    }
    task.event = undefined;
    task.run = undefined;
    this.entered();
    run();
  }
}

function isInput({ phase }: ProcessTask): boolean {
  return phase === PHASES.input;
}

function bySource(inputs: readonly ProcessTask[], chance: Chance): readonly ProcessTask[] {
  const sources = new Map<object, ProcessTask[]>();
  for (const task of inputs) {
    const source = task.source ?? task;
    const ofSource = sources.get(source);
    if (ofSource === undefined) sources.set(source, [task]);
    else ofSource.push(task);
  }
  return chance.shuffled([...sources.values()]).flat();
}
