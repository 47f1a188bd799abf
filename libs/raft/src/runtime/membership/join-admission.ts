import type { TargetMember } from '../../core/base/kernel-api';
import { RaftError } from '../../errors/raft-error';
import type { Hello } from '../../transport/contract';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { isAmongUs } from '../peers/peer-standing';
import type { Replica } from '../replica/replica';
import { decodeJoinAnswer, JOIN, type JoinAnswer, joinAnswer, type JoinRequest } from './join-calls';
import type { LeaderChanges } from './leader-changes';
import type { LocalReplica } from './local-replica';
import { type NewMembers, REACH_MS } from './new-members';
import type { Rejoining } from './rejoining';

/** How long a member that joins may take to catch up without getting further before its change is given up. */
const JOIN_CATCH_UP_MS = 60_000;

export interface JoinAdmissionPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly rejoining: Rejoining;
}

/** Nodes that ask to join, to come back with an empty store, or to be repaired: which the leader admits as new members. */
export class JoinAdmission {
  constructor(
    private readonly ports: JoinAdmissionPorts,
    private readonly local: LocalReplica,
    private readonly newMembers: NewMembers,
    private readonly changes: LeaderChanges,
  ) {}

  /** @param body the request as it came: it may say more than this version knows, and is passed on whole */
  async join(request: JoinRequest, body: Uint8Array, timeoutMs: number): Promise<JoinAnswer> {
    const replica = this.local.running();
    this.newMembers.requireProtected(request);
    if (!replica.isLeading) {
      const route = this.ports.links.routeTo(replica.leader);
      if (route === undefined)
        throw new RaftError('RAFT_NO_LEADER', 'No leader is known at the moment.', { retryAfterMs: 1000 });
      return decodeJoinAnswer(await this.ports.calls.call(route.address, JOIN, body, timeoutMs));
    }
    const { members } = this.local.configuration;
    const isMember = members.some(({ incarnation }) => incarnation === request.incarnation);
    if (!isMember && this.ports.links.wasRemoved(request.incarnation))
      throw new RaftError(
        'RAFT_CONFLICT',
        `The store of '${request.name}' was a member's, which was removed: join with an empty store.`,
      );
    if (!isMember && request.repair !== undefined) {
      const voter = this.ports.rejoining.requireRepairAllowed(replica, request.name, request.incarnation);
      if (request.repair === 'join') await this.admit(replica, { ...request, voter }, timeoutMs);
    } else if (!isMember && request.rejoin === true) {
      const voter = this.ports.rejoining.requireAllowed(replica, request.name, request.incarnation);
      await this.admit(replica, { ...request, voter }, timeoutMs);
    } else if (!isMember) await this.admit(replica, request, timeoutMs);
    return joinAnswer(replica.clusterId, this.local.configuration);
  }

  /** A node asks for itself; a member passes the question on. */
  requireOwnRequest({ name, incarnation }: JoinRequest, caller: Hello): void {
    const { clusterId } = this.local.running();
    if (isAmongUs(this.ports.links.standingOf(caller, clusterId))) return;
    if (caller.nodeName === name && caller.incarnation === incarnation) return;
    throw new RaftError(
      'RAFT_FORBIDDEN',
      `'${caller.nodeName}' asks to let the store of '${name}' join, which isn't its own; nothing was changed. Each node asks for itself.`,
    );
  }

  /** A node that comes with a name that is taken replaces its member, unless that one is there. */
  private async admit(
    replica: Replica,
    { name, peer, http, incarnation, voter }: JoinRequest,
    timeoutMs: number,
  ): Promise<void> {
    this.newMembers.requireQuorum();
    await this.newMembers.meet(name, peer, incarnation, Math.min(REACH_MS, 0.8 * timeoutMs));
    const { members, voters } = this.local.configuration;
    if (members.some((member) => member.incarnation === incarnation)) return;
    const isAlive = (id: number): boolean =>
      id === replica.replicaId || (replica.kernel.progress().find((each) => each.id === id)?.active ?? false);
    const isThere = (id: number): boolean =>
      isAlive(id) && this.ports.links.routes.stateOfReplica(id).state === 'connected';
    if (members.some((member) => member.name === name && member.peer !== peer && isThere(member.id)))
      throw new RaftError(
        'RAFT_CONFLICT',
        `There is a member '${name}' that is alive, with another store: choose another name, or remove it first.`,
      );
    const kept: TargetMember[] = members
      .filter((member) => member.name !== name)
      .map((member) => ({ ...member, voter: voters.includes(member.id) }));
    const joined = { id: 0, name, peer, http, incarnation, voter };
    this.changes.propose([...kept, joined], { expectedIndex: undefined, force: false, timeoutMs: JOIN_CATCH_UP_MS });
  }
}
