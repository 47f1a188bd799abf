import type { TargetMember } from '../../core/base/kernel-api';
import { memberByName } from '../../core/membership/membership';
import type { TransportProtection } from '../../transport/contract';
import type { Scheduler } from '../base/scheduler';
import { requireProtected } from '../options/peer-security';
import type { PeerLinks } from '../peers/peer-links';
import type { LocalReplica } from './local-replica';
import type { WantedMember } from './membership-calls';
import { changeError, rejected } from './membership-errors';

const POLL_MS = 20;
/** How long a new member may take to answer when it is dialled. */
export const REACH_MS = 5_000;

export interface NewMembersPorts {
  readonly links: PeerLinks;
  readonly scheduler: Scheduler;
  readonly electionTimeoutMs: number;
  readonly nodeId: string;
  /** How the transport keeps unknown nodes out. */
  readonly protection: TransportProtection | undefined;
}

/** What must hold before a change of the membership is proposed: a quorum answers, and each new member is reached, in its store. */
export class NewMembers {
  constructor(
    private readonly ports: NewMembersPorts,
    private readonly local: LocalReplica,
  ) {}

  /** Of each member that is added, joins or moves. @throws RaftError `RAFT_REJECTED` `PEERS_UNPROTECTED` */
  requireProtected(member: { readonly name: string; readonly peer: string }): void {
    const { name, peer } = member;
    if (this.local.configuration.members.some((known) => known.name === name && known.peer === peer)) return;
    requireProtected(this.ports.protection, member, this.ports.nodeId);
  }

  /** Before anybody is dialled for it. */
  requireQuorum(): void {
    const { kernel } = this.local.leading();
    const { voters, outgoing } = kernel.configuration.configuration;
    const silent = new Set(
      kernel.progress().flatMap(({ id, silentMs }) => (silentMs >= this.ports.electionTimeoutMs ? [id] : [])),
    );
    for (const half of outgoing.length === 0 ? [voters] : [voters, outgoing]) {
      const heard = half.filter((id) => !silent.has(id)).length;
      if (2 * heard <= half.length)
        throw changeError({
          accepted: false,
          reason: 'noQuorum',
          detail: `of the ${half.length} voters ${heard} answered within the last election time-out, which is no majority, so nothing can be committed`,
        });
    }
  }

  /** A name with the store that it has is the replica that it is; with another store, or a new name, it is a new replica. */
  async memberOf({ name, peer, http, voter, incarnation }: WantedMember): Promise<TargetMember> {
    const { configuration } = this.local;
    const known =
      configuration.members.find((member) => member.name === name && member.incarnation === incarnation) ??
      memberByName(configuration, name);
    this.requireProtected({ name, peer });
    const newcomer = incarnation ?? this.ports.links.unknownNodeNamed(name)?.incarnation;
    if (known !== undefined && (newcomer === undefined || newcomer === known.incarnation))
      return { ...known, peer, http: http ?? known.http, voter };
    const store = newcomer ?? (await this.incarnationAt(name, peer));
    await this.meet(name, peer, store, REACH_MS);
    return { id: 0, name, peer, http: http ?? known?.http ?? '', incarnation: store, voter };
  }

  /** Dials a new member where it says that it is, and meets its store there: what nobody can reach blocks what comes after it. */
  async meet(name: string, peer: string, incarnation: string, withinMs: number): Promise<void> {
    const { links, scheduler } = this.ports;
    const untilMs = scheduler.nowMs() + withinMs;
    links.invite(peer, scheduler.nowMs());
    while (links.routes.answersAt(peer, { incarnation }) === undefined) {
      if (scheduler.nowMs() >= untilMs) {
        const { state, detail } = links.routes.stateOf(peer);
        const found = state === 'connected' ? 'another node answers there' : detail === '' ? state : detail;
        throw rejected(
          'MEMBER_UNREACHABLE',
          `The leader can't reach '${name}' at ${peer}: ${found}. Nothing was changed. Give it an address at which the other members reach it.`,
        );
      }
      await this.local.pause(POLL_MS);
      links.invite(peer, scheduler.nowMs());
    }
  }

  private async incarnationAt(name: string, peer: string): Promise<string> {
    const { links, scheduler } = this.ports;
    const untilMs = scheduler.nowMs() + REACH_MS;
    while (scheduler.nowMs() < untilMs) {
      links.invite(peer, scheduler.nowMs());
      const hello = links.unknownNodeNamed(name);
      if (hello !== undefined) return hello.incarnation;
      await this.local.pause(POLL_MS);
    }
    throw rejected(
      'MEMBER_UNREACHABLE',
      `The new member '${name}' does not answer at ${peer}, so it is not known which store it has; nothing was changed. Start it ` +
        'first, with an empty store, and with the addresses of the cluster to join.',
    );
  }
}
