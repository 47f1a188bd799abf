import { crc32c } from '../../core/base/checksum';
import type { Configuration } from '../../core/base/configuration';
import type { ReplicaId } from '../../core/base/types';
import type { ReplicatedStateMachine, StateDigest } from '../../state-machine/contract';
import { decodeDigest, decodeIndex, DIGEST, DIVERGED, encodeDigest, encodeIndex } from './digest-calls';
import { errorMessage } from '../base/error-message';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';

const COMPARE_EVERY_MS = 1000;
/** A member that hasn't come to an index by then is compared at the next one. */
const ATTEMPTS = 5;

export interface ConsistencyCheckerPorts {
  readonly replicaId: ReplicaId;
  readonly machine: ReplicatedStateMachine;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly callTimeoutMs: number;
  readonly isLeading: () => boolean;
  /** Whom this node follows. */
  readonly leader: () => ReplicaId;
  readonly configuration: () => Configuration;
  /** This leader's state is another than that of a majority: somebody else has to lead. */
  readonly stepDown: () => void;
  /** This node's state is another than that of a majority. */
  readonly diverged: (sentence: string) => void;
}

/** What the members answered for one index. */
interface Comparison {
  readonly own: StateDigest;
  readonly answers: Map<ReplicaId, StateDigest>;
  attempts: number;
}

/**
 * Compares what the members made of the same log. The leader asks for the digests of fixed indexes; where those of one version
 * of the machines differ, the members that a majority of at least three contradicts are told to stop, as long as a quorum stays.
 * Where no majority agrees, nobody can say who is right: that is an alarm.
 */
export class ConsistencyChecker {
  private comparison: Comparison | undefined;
  private comparedAt = 0;
  private nextMs = 0;
  private asking = false;
  private reading = false;
  private closed = false;

  constructor(private readonly ports: ConsistencyCheckerPorts) {}

  serve(): void {
    const { calls, machine } = this.ports;
    calls.serve(DIGEST, (body) => {
      return Promise.resolve(encodeDigest(machine.digest?.(decodeIndex(body))));
    });
    calls.serve(DIVERGED, (body, caller) => {
      const index = decodeIndex(body);
      // Only whom this node follows may say so, and only of what this node can see for itself.
      if (caller.replicaId === this.ports.leader() && machine.digest?.(index) !== undefined)
        this.ports.diverged(sentenceFor(index));
      return Promise.resolve(new Uint8Array(0));
    });
  }

  tick(nowMs: number): void {
    if (this.closed) return;
    this.readState();
    if (!this.ports.isLeading() || nowMs < this.nextMs || this.asking) return;
    this.nextMs = nowMs + COMPARE_EVERY_MS;
    this.begin();
    if (this.comparison !== undefined) void this.ask(this.comparison);
  }

  close(): void {
    this.closed = true;
  }

  private begin(): void {
    const newest = this.ports.machine.digest?.();
    if (newest === undefined || newest.index <= this.comparedAt) return;
    if (this.comparison === undefined || this.comparison.attempts >= ATTEMPTS)
      this.comparison = { own: newest, answers: new Map(), attempts: 0 };
  }

  private async ask(comparison: Comparison): Promise<void> {
    this.asking = true;
    comparison.attempts++;
    const { own, answers } = comparison;
    // Its state may have been read meanwhile.
    const current = this.ports.machine.digest?.(own.index);
    if (current !== undefined) answers.set(this.ports.replicaId, current);
    const others = this.ports
      .configuration()
      .members.filter(({ id }) => id !== this.ports.replicaId && !answers.has(id));
    await Promise.all(others.map(({ id }) => this.askOne(id, comparison)));
    this.asking = false;
    if (this.closed || comparison !== this.comparison) return;
    const isMissing = (id: ReplicaId): boolean => !answers.has(id) && this.ports.links.routeTo(id) !== undefined;
    if (!others.some(({ id }) => isMissing(id)) || comparison.attempts >= ATTEMPTS) {
      this.comparedAt = own.index;
      this.comparison = undefined;
      if (this.ports.isLeading()) this.judge(own.index, answers);
    }
  }

  private async askOne(id: ReplicaId, { own, answers }: Comparison): Promise<void> {
    const { links, calls, callTimeoutMs } = this.ports;
    const route = links.routeTo(id);
    if (route === undefined) return;
    try {
      const answer = decodeDigest(await calls.call(route.address, DIGEST, encodeIndex(own.index), callTimeoutMs));
      if (answer !== undefined) answers.set(id, answer);
    } catch {
      // Older nodes know no such call, and silent ones are asked again.
    }
  }

  private judge(index: number, answers: ReadonlyMap<ReplicaId, StateDigest>): void {
    const own = answers.get(this.ports.replicaId);
    if (own === undefined) return;
    const comparable = new Map([...answers].filter(([, { version }]) => version === own.version));
    const verdict = verdictOn(comparable, this.ports.configuration());
    switch (verdict.kind) {
      case 'alike':
        return;
      case 'undecided':
        this.ports.logger.error(
          `Nodes have made different states of the log up to entry ${index}, and no majority agrees: ${this.namesOf(comparable.keys())}. A command depends on something that isn't the same everywhere. Compare their versions and their states.`,
        );
        return;
      case 'minority':
        this.ports.logger.error(
          `${this.namesOf(verdict.ids)} made another state of the log up to entry ${index} than the majority.`,
        );
        this.act(index, verdict.ids);
    }
  }

  private act(index: number, ids: readonly ReplicaId[]): void {
    const { replicaId, links, calls, callTimeoutMs, stepDown } = this.ports;
    if (ids.includes(replicaId)) {
      // The next leader finds the same, and says so to this node.
      this.comparedAt = 0;
      stepDown();
      return;
    }
    for (const id of ids) {
      const route = links.routeTo(id);
      if (route === undefined) continue;
      calls
        .call(route.address, DIVERGED, encodeIndex(index), callTimeoutMs)
        .catch((error: unknown) =>
          this.ports.logger.warn(`'${route.name}' wasn't told that it differs: ${errorMessage(error)}`),
        );
    }
  }

  private namesOf(ids: Iterable<ReplicaId>): string {
    const { members } = this.ports.configuration();
    return [...ids].map((id) => members.find((member) => member.id === id)?.name ?? String(id)).join(', ');
  }

  /** Reads a captured state in turns of the event loop of their own. */
  private readState(): void {
    if (this.reading) return;
    const unread = this.ports.machine.stateToHash?.();
    if (unread === undefined) return;
    this.reading = true;
    const read = async (): Promise<void> => {
      let hash = 0;
      try {
        for await (const chunk of unread.source.chunks()) {
          if (this.closed) return;
          hash = crc32c(hash, chunk);
          await new Promise<void>((resolve) => this.ports.scheduler.defer(resolve));
        }
        unread.done(hash);
      } catch (error) {
        this.ports.logger.warn(`The state could not be read for its digest: ${errorMessage(error)}`);
      } finally {
        unread.source.release();
        this.reading = false;
      }
    };
    void read();
  }
}

type Verdict =
  | { readonly kind: 'alike' }
  | { readonly kind: 'undecided' }
  | { readonly kind: 'minority'; readonly ids: readonly ReplicaId[] };

/** @param answers of one version of the machines, for one index */
export function verdictOn(answers: ReadonlyMap<ReplicaId, StateDigest>, configuration: Configuration): Verdict {
  const camps: { readonly digest: StateDigest; readonly ids: ReplicaId[] }[] = [];
  for (const [id, digest] of answers) {
    const camp = camps.find((each) => isSame(each.digest, digest));
    if (camp === undefined) camps.push({ digest, ids: [id] });
    else camp.ids.push(id);
  }
  if (camps.length <= 1) return { kind: 'alike' };
  const largest = camps.reduce((one, other) => (other.ids.length > one.ids.length ? other : one));
  const isMajority = 2 * largest.ids.length > answers.size && answers.size >= 3;
  const minority = [...answers.keys()].filter((id) => !largest.ids.includes(id));
  if (!isMajority) return { kind: 'undecided' };
  const { voters } = configuration;
  const staying = voters.filter((id) => !minority.includes(id));
  // Stopping them must leave a quorum that can go on.
  return 2 * staying.length > voters.length ? { kind: 'minority', ids: minority } : { kind: 'undecided' };
}

/** What one of them hasn't is not compared. */
function isSame(one: StateDigest, other: StateDigest): boolean {
  if (one.outcomes !== other.outcomes || one.backed !== other.backed) return false;
  return one.state === null || other.state === null || one.state === other.state;
}

function sentenceFor(index: number): string {
  return (
    `This node made another state of the log up to entry ${index} than the majority of the members. Its answers can't be trusted. ` +
    'Find the command that depends on the clock, chance, the environment or a version, then repair this node (POST /_raft/repair).'
  );
}
