import type { ConfigurationInForce, Member } from '../../core/base/configuration';
import type { AddressUpdate } from '../../core/base/kernel-api';
import { NO_REPLICA, type ReplicaId } from '../../core/base/types';
import { encodeValue } from '../../state-machine/codec/value-codec';
import type { Hello, TransportProtection } from '../../transport/contract';
import { errorMessage } from '../base/error-message';
import { HttpAddresses } from './http-addresses';
import type { BootHistory } from '../store/boot-history';
import { OwnPlace } from './own-place';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { HOW_TO_PROTECT, isExposed } from '../options/peer-security';
import { ACCUSE, type WhoAnswer } from './place-calls';
import { PlaceCase } from './place-case';
import { accusation, type PlaceVerdict, verdictOn } from './place-verdict';
import type { PlaceWitness } from './place-witness';
import type { RaftLogger } from '../base/logger';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';
import { WitnessRound } from './witness-round';

/** How many election time-outs lie between two moves of one member that nobody asked for. */
const BETWEEN_MOVES_ELECTION_TIMEOUTS = 10;

export interface MovesPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly witness: PlaceWitness;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  readonly electionTimeoutMs: number;
  /** Where peers, and HTTP clients, reach this node by its options. */
  readonly advertise: string;
  readonly http: string;
  /** How the transport keeps strangers out. */
  readonly protection: TransportProtection | undefined;
  replica(): Replica | undefined;
  boots(): BootHistory | undefined;
  /** This node's own store must not take part. */
  accused(sentence: string): void;
}

/** A case with what the mover said of itself. */
interface MoverCase {
  readonly hello: Hello;
  readonly place: PlaceCase;
}

/**
 * Members that come back at another address. The leader, and without one each node for itself, finds out whether it is the
 * member and no copy of its disk; the leader then writes its address into the log, and those of all others that it knows of by then.
 */
export class Moves {
  private readonly cases = new Map<ReplicaId, MoverCase>();
  /** When the membership gave each member another address, on this node's clock. */
  private readonly movedAtMs = new Map<ReplicaId, number>();
  private readonly http: HttpAddresses;
  private readonly round: WitnessRound;
  private readonly own: OwnPlace;
  private known: ConfigurationInForce | undefined;

  constructor(private readonly ports: MovesPorts) {
    this.http = new HttpAddresses(ports);
    this.round = new WitnessRound(ports);
    this.own = new OwnPlace({ ...ports, round: this.round });
  }

  configurationChanged(inForce: ConfigurationInForce, self: ReplicaId): void {
    const nowMs = this.ports.scheduler.nowMs();
    const before = this.known?.configuration.members ?? [];
    this.known = inForce;
    const { members } = inForce.configuration;
    for (const { id, peer, http } of members) {
      const old = before.find((member) => member.id === id);
      if (old === undefined || (old.peer === peer && old.http === http)) continue;
      this.movedAtMs.set(id, nowMs);
      if (this.cases.get(id)?.hello.advertise === peer) this.cases.delete(id);
    }
    for (const kept of [this.cases, this.movedAtMs])
      for (const id of kept.keys()) if (!members.some((member) => member.id === id)) kept.delete(id);
    this.own.configurationChanged(members.find(({ id }) => id === self));
    this.http.configurationChanged(inForce.configuration, self);
  }

  tick(nowMs: number): void {
    const replica = this.ports.replica();
    if (replica === undefined) return;
    this.tendCases();
    const leads = replica.isLeading && replica.kernel.status.committedInTerm;
    if (leads || replica.leader === NO_REPLICA)
      for (const each of this.cases.values())
        if (each.place.isDue(nowMs) && !this.isExposed(each.hello)) void this.lookInto(each);
    if (!leads) return;
    this.own.look(replica, nowMs);
    this.http.ask(replica.kernel.configuration.configuration.members, replica.replicaId);
    this.write(replica, nowMs);
  }

  private tendCases(): void {
    const { movers } = this.ports.links;
    for (const { hello } of movers.all) this.open(hello);
    for (const [id, { hello, place }] of this.cases)
      if (!place.isUnderWay && movers.moverOf(id)?.hello !== hello && !movers.isCounted(hello)) this.cases.delete(id);
  }

  private open(hello: Hello): void {
    const { replicaId, epoch, bootNonce, earlierBoots, advertise } = hello;
    const before = this.cases.get(replicaId);
    if (before?.hello === hello || before?.place.isUnderWay === true) return;
    const question = { replicaId, number: epoch, nonce: bootNonce, earlier: earlierBoots, address: advertise };
    this.cases.set(replicaId, { hello, place: new PlaceCase(question, this.ports.electionTimeoutMs) });
    if (this.isExposed(hello))
      this.ports.logger.warn(
        `'${hello.nodeName}' says that it is at ${hello.advertise} now, which isn't on this machine. Peers prove nothing here, so the ` +
          `membership stays as it is. ${HOW_TO_PROTECT}.`,
      );
  }

  private isExposed({ advertise }: Hello): boolean {
    return isExposed(this.ports.protection, advertise);
  }

  private async lookInto(each: MoverCase): Promise<void> {
    const { links, witness, scheduler, logger } = this.ports;
    const { hello, place } = each;
    const member = links.routes.memberOf(hello.replicaId);
    const replica = this.ports.replica();
    if (member === undefined || replica === undefined) return;
    place.begin();
    try {
      if (!isWho(hello, await witness.whoIsAt(hello.advertise))) return;
      const answers = await this.round.ask(replica, place.question);
      // Asked again: it may have acknowledged more since to a leader that counts it.
      const who = await witness.whoIsAt(hello.advertise);
      if (!isWho(hello, who)) return;
      place.http = who.httpChanged ? who.http : member.http;
      const { configuration } = replica.kernel.configuration;
      const verdict = verdictOn(member.id, configuration, answers, who.lastIndex);
      // One that is there and says nothing may be the one that knows better.
      if (verdict !== 'alone' || !this.round.isIncomplete(answers)) this.conclude(each, member, verdict);
    } catch (error) {
      logger.debug(`'${member.name}' says that it is at ${hello.advertise} now: ${errorMessage(error)}`);
    } finally {
      place.end(scheduler.nowMs());
    }
  }

  private conclude(each: MoverCase, member: Member, verdict: PlaceVerdict): void {
    const { links, scheduler } = this.ports;
    const { hello, place } = each;
    const replica = this.ports.replica();
    if (replica === undefined || this.cases.get(member.id) !== each) return;
    switch (verdict) {
      case 'moved':
        links.count(hello);
        place.prove(scheduler.nowMs());
        return;
      case 'alone':
        // Somebody has to lead before anything can be written; who has a leader leaves it to that one.
        if (replica.leader === NO_REPLICA) links.count(hello);
        return;
      case 'reachable':
        this.cases.delete(member.id);
        links.count(hello);
        return;
      case 'copy':
      case 'broken':
      case 'behind':
        links.movers.dismiss(member.id);
        this.cases.delete(member.id);
        this.accuse(hello, accusation(verdict, member, hello.advertise));
    }
  }

  private accuse(hello: Hello, sentence: string): void {
    const { calls, logger, electionTimeoutMs } = this.ports;
    logger.warn(sentence);
    calls.call(hello.advertise, ACCUSE, encodeValue(sentence), electionTimeoutMs).catch((error: unknown) => {
      logger.debug(`'${hello.nodeName}' at ${hello.advertise} could not be told: ${errorMessage(error)}`);
    });
  }

  /** One entry for all moves that are known by now; it waits for those that are still looked into. */
  private write(replica: Replica, nowMs: number): void {
    const areUnderWay = [...this.cases.values()].some(({ place }) => place.isUnderWay);
    if (areUnderWay || this.own.case?.isUnderWay === true) return;
    const updates: AddressUpdate[] = [];
    for (const member of replica.kernel.configuration.configuration.members) {
      const update = this.updateOf(member, replica, nowMs);
      if (update !== undefined && this.mayMove(member.id, nowMs)) updates.push(update);
    }
    if (updates.length === 0) return;
    const result = replica.driver.changeAddresses(updates);
    if (result?.accepted !== true) return;
    for (const { id } of updates) this.movedAtMs.set(id, nowMs);
  }

  private updateOf(member: Member, { replicaId }: Replica, nowMs: number): AddressUpdate | undefined {
    const { id } = member;
    const isSelf = id === replicaId;
    const place = isSelf ? this.own.case : this.cases.get(id)?.place;
    const isProved = place?.isProved(nowMs) === true;
    const peer = isProved ? place.question.address : member.peer;
    const http = this.http.changedOf(id) ?? (isProved && !isSelf ? place.http : member.http);
    return peer === member.peer && http === member.http ? undefined : { id, peer, http };
  }

  private mayMove(id: ReplicaId, nowMs: number): boolean {
    const movedAtMs = this.movedAtMs.get(id) ?? Number.NEGATIVE_INFINITY;
    return nowMs - movedAtMs >= BETWEEN_MOVES_ELECTION_TIMEOUTS * this.ports.electionTimeoutMs;
  }
}

/** Whether the very process answers that was heard. */
function isWho(heard: Hello, { bootNonce, incarnation }: WhoAnswer): boolean {
  return bootNonce === heard.bootNonce && incarnation === heard.incarnation;
}
