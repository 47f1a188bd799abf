import { isVoter } from '../core/membership';
import type { GroupId } from '../core/types';
import { NO_REPLICA } from '../core/types';
import type { PeerLinks } from './peer-links';
import type { Replica } from './replica';

export interface InquiryPorts {
  readonly links: PeerLinks;
  readonly groupId: GroupId;
  readonly nodeId: string;
  readonly electionTimeoutMs: number;
  /** Of this node's store. */
  incarnation(): string;
}

/**
 * A voter that was removed while it was away hears of it when it asks for votes. One that has no vote asks for nothing: so
 * while it hears of no leader, it asks the members that it knows which membership there is.
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
    if (nowMs - this.quietSinceMs < electionTimeoutMs || isVoter(configuration, replica.replicaId)) return;
    this.quietSinceMs = nowMs;
    const incarnation = this.ports.incarnation();
    for (const address of links.addressesOfMembers())
      links.send(address, { kind: 'founder', groupId, founder: nodeId, incarnation, genesis: null });
  }
}
