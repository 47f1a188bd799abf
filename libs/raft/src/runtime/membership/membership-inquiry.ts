import { isVoter } from '../../core/membership/membership';
import type { GroupId } from '../../core/base/types';
import { NO_REPLICA } from '../../core/base/types';
import type { PeerLinks } from '../peers/peer-links';
import type { Replica } from '../replica/replica';

export interface InquiryPorts {
  readonly links: PeerLinks;
  readonly groupId: GroupId;
  readonly nodeId: string;
  readonly electionTimeoutMs: number;
  /** Of this node's store. */
  incarnation(): string;
}

/** A voter asks less often, in election time-outs: mostly whom it asks for a vote tells it by itself. */
const VOTER_PATIENCE = 4;

/**
 * A voter that was removed while it was away learns of it when it asks for votes. One that has no vote asks for nothing, and
 * those who vote now may have had no vote when it was last there: so while it knows no leader, a node asks all the members
 * that it knows which membership there is.
 */
export class MembershipInquiry {
  private quietSinceMs: number | undefined;

  constructor(private readonly ports: InquiryPorts) {}

  tick(nowMs: number, replica: Replica | undefined): void {
    if (replica === undefined || replica.leader !== NO_REPLICA) {
      this.quietSinceMs = undefined;
      return;
    }
    this.quietSinceMs ??= nowMs;
    const { links, groupId, nodeId, electionTimeoutMs } = this.ports;
    const { configuration } = replica.kernel.configuration;
    const patience = isVoter(configuration, replica.replicaId) ? VOTER_PATIENCE : 1;
    if (nowMs - this.quietSinceMs < patience * electionTimeoutMs) return;
    this.quietSinceMs = nowMs;
    const incarnation = this.ports.incarnation();
    for (const address of links.addressesOfMembers())
      links.send(address, { kind: 'founder', groupId, founder: nodeId, incarnation, initialCluster: null });
  }
}
