import type { Configuration, Member } from '../../core/base/configuration';
import { isVoter, memberByName } from '../../core/membership/membership';
import { RaftError } from '../../errors/raft-error';
import type { ReplicaId } from '../../core/base/types';
import type { BootHistory } from '../store/boot-history';
import { isChanging } from '../status/membership-view';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';

/** How long the replica must have been silent that an empty store takes the place of. */
const SILENT_MS = 30_000;
/** How long one replacement lies behind the next that nobody asked for. */
const BETWEEN_REPLACEMENTS_MS = 600_000;
/** How long a repair that was allowed keeps others off until it stands in the log. */
const GRANT_MS = 60_000;
/** Of how many nodes that ask it is remembered when they asked first. */
const MOST_ASKING = 16;

/** Another process of the name is alive, or the name is no member's: to wait won't help. */
export const REJOIN_IS_OFF: ReadonlySet<string> = new Set(['NAME_IN_USE', 'UNKNOWN_MEMBER']);

/** To ask again in a moment may help; every other refusal of a repair is for its operator. */
export const REPAIR_TOO_EARLY = 'STILL_HEARD';

export interface RejoiningPorts {
  readonly scheduler: Scheduler;
  readonly electionTimeoutMs: number;
  boots(): BootHistory | undefined;
}

/**
 * The rules by which a node takes the place of its old replica with another store; both ways hold to the same ones about the
 * others: they are all there, have it all, and no change of the membership is under way.
 *
 * When a founder whose store is empty may take the place of its old replica without an operator's word: what that replica
 * acknowledged is lost with its disk, so every other voter has to be there and have it all, and one follows the other slowly.
 */
export class Rejoining {
  private readonly askedAtMs = new Map<string, number>();
  private repairing: { readonly name: string; readonly incarnation: string; readonly atMs: number } | undefined;
  private before: Configuration | undefined;

  constructor(private readonly ports: RejoiningPorts) {}

  /** Takes note of when a replacement ended, for any caller. */
  configurationChanged(configuration: Configuration): void {
    const { before } = this;
    this.before = configuration;
    const isReplaced = ({ id, name }: Member): boolean =>
      !configuration.members.some((member) => member.id === id) && memberByName(configuration, name) !== undefined;
    if (before?.members.some(isReplaced) === true) this.ports.boots()?.noteReplacement(this.ports.scheduler.wallMs());
  }

  /**
   * On the leader.
   *
   * @returns whether the old replica voted
   * @throws RaftError `RAFT_CONFLICT` why it may not be replaced, and whether to wait helps (`REJOIN_IS_OFF` by its reason)
   */
  requireAllowed(replica: Replica, name: string, incarnation: string): boolean {
    const { configuration } = replica.kernel.configuration;
    const old = memberByName(configuration, name);
    if (old === undefined)
      throw refused(
        name,
        'the cluster has no member of that name: start it with join in place of members',
        'UNKNOWN_MEMBER',
      );
    if (old.id === replica.replicaId) throw inUse(name);
    const silentMs = this.requireSilence(replica, old, incarnation);
    if (silentMs < SILENT_MS)
      throw refused(
        name,
        `its old replica was heard ${seconds(silentMs)} s ago, and must be silent for ${seconds(SILENT_MS)} s`,
      );
    if (isChanging(configuration)) throw refused(name, 'another change of the membership is under way');
    this.requireLevelVoters(replica, old, (why) => refused(name, why));
    const endedMs = this.sinceReplacementMs();
    if (endedMs < BETWEEN_REPLACEMENTS_MS)
      throw refused(
        name,
        `another replacement ended ${seconds(endedMs)} s ago, and ${seconds(BETWEEN_REPLACEMENTS_MS)} s must lie between two`,
      );
    return isVoter(configuration, old.id);
  }

  /**
   * On the leader: whether a damaged node may come back as its own replacement, which an operator has asked for. One at a time:
   * the node that is allowed has the place until it stands in the log.
   *
   * @param incarnation of the store that takes the place of the damaged one
   * @returns whether the old replica voted
   * @throws RaftError `RAFT_CONFLICT` why not
   */
  requireRepairAllowed(replica: Replica, name: string, incarnation: string): boolean {
    const { configuration } = replica.kernel.configuration;
    const nowMs = this.ports.scheduler.nowMs();
    const refuse = (why: string, reason = 'REPAIR_REFUSED'): RaftError =>
      new RaftError('RAFT_CONFLICT', `'${name}' can't be repaired now: ${why}. Nothing was changed.`, { reason });
    const old = memberByName(configuration, name);
    if (old === undefined) throw refuse('the cluster has no member of that name', 'UNKNOWN_MEMBER');
    const silentMs = replica.kernel.progress().find(({ id }) => id === old.id)?.silentMs ?? 0;
    if (old.id === replica.replicaId || silentMs < this.ports.electionTimeoutMs)
      throw refuse('its replica has answered within the last election time-out', REPAIR_TOO_EARLY);
    if (isChanging(configuration))
      throw refuse('a change of the membership is under way, a replacement or another repair. Wait for its end');
    const { repairing } = this;
    const isOver = configuration.members.some((member) => member.incarnation === repairing?.incarnation);
    if (
      repairing !== undefined &&
      !isOver &&
      repairing.incarnation !== incarnation &&
      nowMs - repairing.atMs < GRANT_MS
    )
      throw refuse(`'${repairing.name}' is being repaired, and one is at a time`);
    this.requireLevelVoters(replica, old, refuse);
    this.repairing = { name, incarnation, atMs: nowMs };
    return isVoter(configuration, old.id);
  }

  /** @returns for how long the old replica has been silent @throws RaftError where it spoke after the newcomer had come */
  private requireSilence(replica: Replica, old: Member, incarnation: string): number {
    const { scheduler, electionTimeoutMs } = this.ports;
    const nowMs = scheduler.nowMs();
    if (!this.askedAtMs.has(incarnation) && this.askedAtMs.size >= MOST_ASKING)
      this.askedAtMs.delete(this.askedAtMs.keys().next().value!);
    const askedAtMs = this.askedAtMs.get(incarnation) ?? nowMs;
    this.askedAtMs.set(incarnation, askedAtMs);
    const silentMs = replica.kernel.progress().find(({ id }) => id === old.id)?.silentMs ?? 0;
    if (nowMs - silentMs > askedAtMs + electionTimeoutMs) throw inUse(old.name);
    return silentMs;
  }

  private requireLevelVoters({ kernel, replicaId }: Replica, old: Member, refuse: (why: string) => RaftError): void {
    const { configuration } = kernel.configuration;
    const progress = new Map(kernel.progress().map((each) => [each.id, each]));
    const isLevel = (id: ReplicaId): boolean => {
      const known = progress.get(id);
      return (
        known !== undefined && known.silentMs < this.ports.electionTimeoutMs && known.matchIndex >= kernel.commitIndex
      );
    };
    const lacking = configuration.members.filter(
      ({ id }) => isVoter(configuration, id) && id !== replicaId && id !== old.id && !isLevel(id),
    );
    if (lacking.length === 0) return;
    const names = lacking.map(({ name }) => `'${name}'`).join(', ');
    throw refuse(
      `all other voters must answer and have all that is committed, and ${names} ${lacking.length === 1 ? "doesn't" : "don't"}`,
    );
  }

  private sinceReplacementMs(): number {
    const endedAtMs = this.ports.boots()?.replacedAtMs;
    if (endedAtMs === undefined) return Number.POSITIVE_INFINITY;
    const passedMs = this.ports.scheduler.wallMs() - endedAtMs;
    // A clock that was put back since says nothing of how long it is.
    return passedMs < -BETWEEN_REPLACEMENTS_MS ? Number.POSITIVE_INFINITY : Math.max(0, passedMs);
  }
}

function inUse(name: string): RaftError {
  return refused(
    name,
    `there is a member of that name that is alive, with another store. Stop this process, or give it a name of its own`,
    'NAME_IN_USE',
  );
}

function refused(name: string, why: string, reason?: string): RaftError {
  return new RaftError('RAFT_CONFLICT', `'${name}' doesn't come back with its empty store: ${why}.`, {
    ...(reason === undefined ? { retryAfterMs: 1000 } : { reason }),
  });
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
