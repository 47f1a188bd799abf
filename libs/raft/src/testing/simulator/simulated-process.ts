import { PHASES, type Phase, type VirtualEvent, type VirtualTime } from './virtual-time';

/** Something that a process waits for. */
export interface ProcessTask {
  readonly phase: Phase;
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
  after(delayMs: number, phase: Phase, run: () => void): ProcessTask {
    const task: ProcessTask = { phase, event: undefined, run };
    task.event = this.time.schedule(this.time.nowMs + delayMs, phase, () => this.arrive(task));
    return task;
  }

  /** Something comes in from outside, a message or the answer of a disk. */
  input(delayMs: number, run: () => void): ProcessTask {
    return this.after(delayMs, PHASES.input, run);
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
   * SIGCONT.
   *
   * @param inputFirst the process was stopped just before it read its sockets. Otherwise it goes on with its timers: an
   * election timer then fires before the heartbeats are read that wait
   */
  resume(inputFirst: boolean): void {
    if (!this.paused) return;
    this.paused = false;
    const waiting = this.waiting;
    this.waiting = [];
    const isInput = (task: ProcessTask) => task.phase === PHASES.input;
    const ordered = inputFirst ? [...waiting.filter(isInput), ...waiting.filter((task) => !isInput(task))] : waiting;
    for (const task of ordered) {
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
