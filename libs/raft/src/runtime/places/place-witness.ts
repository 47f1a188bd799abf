/** What a witness does: it looks whether a member that says it has moved still speaks at its old address. */

import type { Member } from '../../core/base/configuration';
import { RaftError } from '../../errors/raft-error';
import type { ReplicaId } from '../../core/base/types';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { Hello } from '../../transport/contract';
import { continuationOf } from '../store/boots';
import type { BootHistory } from '../store/boot-history';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import {
  ACCUSE,
  decodeQuestion,
  decodeWhoAnswer,
  encodeWhoAnswer,
  encodeWitness,
  type OldPlace,
  WHO,
  type WhoAnswer,
  WITNESS,
  type WitnessAnswer,
  type WitnessQuestion,
} from './place-calls';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';
import type { StoreOwnershipProof } from '../store/store-ownership-proof';

/** For how many election time-outs a node that was a witness takes no earlier life's word for the member's. */
const VOUCHED_ELECTION_TIMEOUTS = 10;
const LOOK_EVERY_MS = 50;
/** How often a leader notes how far the others have got. */
const NOTE_EVERY_MS = 1000;

export interface PlaceWitnessPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly scheduler: Scheduler;
  readonly proof: StoreOwnershipProof;
  readonly electionTimeoutMs: number;
  /** Where HTTP clients reach this node, by its options. */
  readonly http: string;
  replica(): Replica | undefined;
  boots(): BootHistory | undefined;
  /** Of this node's store; empty before it is open. */
  incarnation(): string;
  /** A member says that this node's store must not take part. */
  accused(sentence: string): void;
}

/** What a node knows of where a member was, and says to those who ask. */
export class PlaceWitness {
  private readonly matches = new Map<ReplicaId, number>();
  private notedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly ports: PlaceWitnessPorts) {}

  serve(): void {
    const { calls } = this.ports;
    calls.serve(WHO, async () => encodeWhoAnswer(this.whoIsHere()));
    calls.serve(WITNESS, async (body, caller) => {
      this.requireMember(caller);
      return encodeWitness(await this.testify(decodeQuestion(body)));
    });
    calls.serve(ACCUSE, async (body, caller) => {
      this.requireMember(caller);
      // Only one whose own place is known may speak of that of others.
      if (this.ports.links.counts(caller, this.ports.scheduler.nowMs()))
        this.ports.accused(decodeValue(body) as string);
      return encodeValue(true);
    });
  }

  tick(nowMs: number): void {
    const replica = this.ports.replica();
    if (replica?.isLeading !== true || nowMs - this.notedAtMs < NOTE_EVERY_MS) return;
    this.notedAtMs = nowMs;
    for (const { id, matchIndex } of replica.kernel.progress()) {
      // What isn't committed may be cut from a log that lacks nothing.
      const match = Math.min(matchIndex, replica.kernel.commitIndex);
      if (match > this.matchOf(id)) this.matches.set(id, match);
    }
  }

  /** Whether the member still speaks from where the membership says, watched for a whole election time-out. */
  async testify(question: WitnessQuestion): Promise<WitnessAnswer> {
    const { links, scheduler, electionTimeoutMs } = this.ports;
    const member = links.routes.memberOf(question.replicaId);
    if (member === undefined) throw new RaftError('RAFT_CONFLICT', `Replica ${question.replicaId} is no member here.`);
    const [old, reached] = await Promise.all([this.watchOldPlace(member, question), this.isMet(question)]);
    if (old === 'silent')
      links.movers.vouch(member.id, question, scheduler.nowMs() + VOUCHED_ELECTION_TIMEOUTS * electionTimeoutMs);
    return { old, match: this.matchOf(member.id), reached };
  }

  /** @throws RaftError where nobody answers at `address` in time */
  async whoIsAt(address: string): Promise<WhoAnswer> {
    const { links, calls, scheduler, electionTimeoutMs } = this.ports;
    links.invite(address, scheduler.nowMs());
    return decodeWhoAnswer(await calls.call(address, WHO, encodeValue(null), electionTimeoutMs));
  }

  private async watchOldPlace(member: Member, question: WitnessQuestion): Promise<OldPlace> {
    const { links, scheduler, electionTimeoutMs } = this.ports;
    const remembered = this.ports.boots()?.knownBoots.find(({ replicaId }) => replicaId === member.id);
    if (remembered !== undefined && continuationOf(remembered, question) === 'earlier') return 'brokenChain';
    const untilMs = scheduler.nowMs() + electionTimeoutMs;
    while (scheduler.nowMs() < untilMs) {
      const spoken = await this.lifeAt(member, untilMs - scheduler.nowMs());
      if (spoken === question.nonce) return 'sameLife';
      if (spoken !== undefined) return 'otherLife';
      links.invite(member.peer, scheduler.nowMs());
      await new Promise<void>((resolve) => scheduler.setTimer(LOOK_EVERY_MS, resolve));
    }
    return 'silent';
  }

  /** @returns the life in which the member's store speaks from where the membership says; undefined where it doesn't */
  private async lifeAt(member: Member, timeoutMs: number): Promise<string | undefined> {
    const { links, calls } = this.ports;
    if (links.routes.answersAt(member.peer, member) === undefined) return undefined;
    try {
      const who = decodeWhoAnswer(await calls.call(member.peer, WHO, encodeValue(null), timeoutMs));
      return who.incarnation === member.incarnation ? who.bootNonce : undefined;
    } catch {
      return undefined;
    }
  }

  private async isMet({ address, nonce }: WitnessQuestion): Promise<boolean> {
    const { scheduler, electionTimeoutMs } = this.ports;
    const untilMs = scheduler.nowMs() + electionTimeoutMs;
    while (scheduler.nowMs() < untilMs)
      try {
        return (await this.whoIsAt(address)).bootNonce === nonce;
      } catch {
        await new Promise<void>((resolve) => scheduler.setTimer(LOOK_EVERY_MS, resolve));
      }
    return false;
  }

  /** A process whose store another may own by now speaks for nobody. */
  private whoIsHere(): WhoAnswer {
    const { proof, http } = this.ports;
    const [replica, boots] = [this.ports.replica(), this.ports.boots()];
    if (replica === undefined || boots === undefined || !proof.isFresh())
      throw new RaftError('RAFT_STORAGE', "This node can't prove that its store is its own.", { retryAfterMs: 100 });
    return {
      replicaId: replica.replicaId,
      incarnation: this.ports.incarnation(),
      bootNonce: boots.own.nonce,
      lastIndex: replica.kernel.durableIndex,
      http,
      httpChanged: boots.http !== undefined && boots.http !== http,
    };
  }

  private matchOf(replica: ReplicaId): number {
    return this.matches.get(replica) ?? 0;
  }

  private requireMember({ replicaId, incarnation, nodeName }: Hello): void {
    if (this.ports.links.routes.memberOf(replicaId)?.incarnation === incarnation) return;
    throw new RaftError('RAFT_FORBIDDEN', `Node '${nodeName}' is no member of this cluster.`);
  }
}
