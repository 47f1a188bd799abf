import type { ConfigurationInForce, Member } from '../core/configuration';
import type { AddressUpdate } from '../core/kernel-api';
import { isVoter } from '../core/membership';
import { NO_REPLICA, type ReplicaId } from '../core/types';
import { decodeValue, encodeValue } from '../state-machine/value-codec';
import type { Hello, TransportProtection } from '../transport/contract';
import { sentenceOf } from './error-sentence';
import { HttpAddresses } from './http-addresses';
import type { LifeBook } from './life-book';
import type { PeerCalls } from './peer-calls';
import type { PeerLinks } from './peer-links';
import { HOW_TO_PROTECT, isExposed } from './peer-security';
import { ACCUSE, WITNESS, type WitnessAnswer, type WitnessQuestion } from './place-calls';
import { accusation, type PlaceVerdict, verdictOn } from './place-verdict';
import type { PlaceWitness } from './place-witness';
import type { RaftLogger } from './raft-node-options';
import type { Replica } from './replica';
import type { Scheduler } from './scheduler';

/** How long, in election time-outs, what was found out about a mover may be relied on. */
const PROVED_ELECTION_TIMEOUTS = 4;
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
  lives(): LifeBook | undefined;
  /** This node's own store must not take part. */
  accused(sentence: string): void;
}

/** A member whose place is looked into, or was, and isn't in the membership yet. */
interface Case {
  readonly hello: Hello;
  isUnderWay: boolean;
  lookedAtMs: number;
  /** Until when what was found out may be written; undefined where it may not. */
  provedUntilMs: number | undefined;
  http: string;
}

/**
 * Members that come back at another address. Whoever leads, and while nobody does each node for itself, finds out whether it is the
 * member and no copy of its disk; the leader then writes its address into the log, and those of all others that it knows of by then.
 */
export class Moves {
  private readonly cases = new Map<ReplicaId, Case>();
  /** When the membership gave each member another address, on this node's clock. */
  private readonly movedAtMs = new Map<ReplicaId, number>();
  private readonly http: HttpAddresses;
  private known: ConfigurationInForce | undefined;
  /** Whether this node was started at another address than the membership says. */
  private cameElsewhere = false;
  private ownCase: Case | undefined;

  constructor(private readonly ports: MovesPorts) {
    this.http = new HttpAddresses(ports);
  }

  configurationChanged(inForce: ConfigurationInForce, self: ReplicaId): void {
    const nowMs = this.ports.scheduler.nowMs();
    const before = this.known?.configuration.members ?? [];
    const { members } = inForce.configuration;
    const own = members.find(({ id }) => id === self);
    if (this.known === undefined) this.cameElsewhere = own !== undefined && own.peer !== this.ports.advertise;
    else if (own?.peer === this.ports.advertise) this.cameElsewhere = false;
    this.known = inForce;
    for (const { id, peer, http } of members) {
      const old = before.find((member) => member.id === id);
      if (old === undefined || (old.peer === peer && old.http === http)) continue;
      this.movedAtMs.set(id, nowMs);
      if (this.cases.get(id)?.hello.advertise === peer) this.cases.delete(id);
    }
    const isMember = (id: ReplicaId): boolean => members.some((member) => member.id === id);
    for (const kept of [this.cases, this.movedAtMs]) for (const id of kept.keys()) if (!isMember(id)) kept.delete(id);
    this.http.configurationChanged(inForce.configuration, self);
  }

  tick(nowMs: number): void {
    const replica = this.ports.replica();
    if (replica === undefined) return;
    const leads = replica.isLeading && replica.kernel.status.committedInTerm;
    const { movers } = this.ports.links;
    for (const { hello } of movers.all) this.open(hello);
    for (const [id, { hello, isUnderWay }] of this.cases)
      if (!isUnderWay && movers.moverOf(id)?.hello !== hello && !movers.isCounted(hello)) this.cases.delete(id);
    if (leads || replica.leader === NO_REPLICA)
      for (const each of this.cases.values()) if (this.isDue(each, nowMs)) void this.lookInto(each);
    if (!leads) return;
    this.lookIntoOwn(replica, nowMs);
    this.http.ask(replica.kernel.configuration.configuration.members, replica.replicaId);
    this.write(replica, nowMs);
  }

  private open(hello: Hello): void {
    const before = this.cases.get(hello.replicaId);
    if (before?.hello.bootNonce === hello.bootNonce && before.hello.advertise === hello.advertise) return;
    if (before?.isUnderWay === true) return;
    const never = Number.NEGATIVE_INFINITY;
    this.cases.set(hello.replicaId, {
      hello,
      isUnderWay: false,
      lookedAtMs: never,
      provedUntilMs: undefined,
      http: '',
    });
    if (isExposed(this.ports.protection, hello.advertise))
      this.ports.logger.warn(
        `'${hello.nodeName}' says that it is at ${hello.advertise} now, which isn't on this machine. Peers prove nothing here, so the ` +
          `membership stays as it is. ${HOW_TO_PROTECT}.`,
      );
  }

  private isDue({ hello, isUnderWay, lookedAtMs, provedUntilMs }: Case, nowMs: number): boolean {
    if (isUnderWay || isExposed(this.ports.protection, hello.advertise)) return false;
    if (provedUntilMs !== undefined) return nowMs >= provedUntilMs;
    return nowMs - lookedAtMs >= this.ports.electionTimeoutMs;
  }

  private async lookInto(each: Case): Promise<void> {
    const { links, witness, scheduler, logger } = this.ports;
    const { hello } = each;
    const member = links.memberOf(hello.replicaId);
    if (member === undefined) return;
    each.isUnderWay = true;
    each.provedUntilMs = undefined;
    links.invite(hello.advertise, scheduler.nowMs());
    try {
      const who = await witness.whoIsAt(hello.advertise);
      if (who.bootNonce !== hello.bootNonce || who.incarnation !== member.incarnation) return;
      each.http = who.httpChanged ? who.http : member.http;
      this.conclude(each, member, await this.verdictOf(hello, who.lastIndex));
    } catch (error) {
      logger.debug(`'${member.name}' says that it is at ${hello.advertise} now: ${sentenceOf(error)}`);
    } finally {
      each.isUnderWay = false;
      each.lookedAtMs = scheduler.nowMs();
    }
  }

  private conclude(each: Case, member: Member, verdict: PlaceVerdict): void {
    const { links, scheduler, electionTimeoutMs } = this.ports;
    const { hello } = each;
    const replica = this.ports.replica();
    if (replica === undefined || this.cases.get(member.id) !== each) return;
    switch (verdict) {
      case 'moved':
        links.count(hello);
        each.provedUntilMs = scheduler.nowMs() + PROVED_ELECTION_TIMEOUTS * electionTimeoutMs;
        return;
      case 'alone':
        // Somebody has to lead before anything can be written; who has a leader leaves it to that one.
        if (replica.leader === NO_REPLICA) links.count(hello);
        return;
      case 'reachable':
        this.cases.delete(member.id);
        links.count(hello);
        return;
      case 'unanswered':
        return;
      case 'copy':
      case 'broken':
      case 'behind':
        links.movers.dismiss(member.id);
        this.cases.delete(member.id);
        this.accuse(hello, accusation(verdict, member, hello));
    }
  }

  private accuse(hello: Hello, sentence: string): void {
    const { calls, logger, electionTimeoutMs } = this.ports;
    logger.warn(sentence);
    calls.call(hello.advertise, ACCUSE, encodeValue(sentence), electionTimeoutMs).catch((error: unknown) => {
      logger.debug(`'${hello.nodeName}' at ${hello.advertise} could not be told: ${sentenceOf(error)}`);
    });
  }

  /** Asks all voters but the mover, this node among them. */
  private async verdictOf(hello: Hello, lastIndex: number): Promise<PlaceVerdict> {
    const { witness } = this.ports;
    const replica = this.ports.replica()!;
    const { configuration } = replica.kernel.configuration;
    const question = questionOf(hello);
    const answers = new Map<ReplicaId, WitnessAnswer | undefined>();
    const ask = async (id: ReplicaId): Promise<void> => {
      const isSelf = id === replica.replicaId;
      answers.set(id, await (isSelf ? witness.testify(question) : this.askWitness(id, question)));
    };
    const voters = configuration.members.map(({ id }) => id).filter((id) => isVoter(configuration, id));
    const asked = new Set([replica.replicaId, ...voters]);
    asked.delete(hello.replicaId);
    await Promise.all([...asked].map(ask));
    const verdict = verdictOn(hello.replicaId, configuration, answers, lastIndex);
    const isSilent = (id: ReplicaId): boolean =>
      answers.get(id) === undefined && this.ports.links.routeTo(id) !== undefined;
    return verdict === 'alone' && [...asked].some(isSilent) ? 'unanswered' : verdict;
  }

  /** A voter that came back elsewhere, too, is asked where it says that it is. */
  private async askWitness(id: ReplicaId, question: WitnessQuestion): Promise<WitnessAnswer | undefined> {
    const { links, calls, scheduler, electionTimeoutMs } = this.ports;
    const address = links.routeTo(id)?.address ?? links.movers.moverOf(id)?.hello.advertise;
    if (address === undefined) return undefined;
    links.invite(address, scheduler.nowMs());
    try {
      return decodeValue(
        await calls.call(address, WITNESS, encodeValue(question), 3 * electionTimeoutMs),
      ) as WitnessAnswer;
    } catch {
      return undefined;
    }
  }

  /** A leader that came back elsewhere asks the others whether they meet it there. */
  private lookIntoOwn(replica: Replica, nowMs: number): void {
    const lives = this.ports.lives();
    if (!this.cameElsewhere || lives === undefined) return;
    const { electionTimeoutMs, logger } = this.ports;
    const own = (this.ownCase ??= {
      hello: this.ownHello(replica, lives),
      isUnderWay: false,
      lookedAtMs: Number.NEGATIVE_INFINITY,
      provedUntilMs: undefined,
      http: '',
    });
    if (!this.isDue(own, nowMs)) return;
    own.isUnderWay = true;
    own.provedUntilMs = undefined;
    this.askOthersOfOwn(replica, own)
      .catch((error: unknown) => logger.debug(`The others could not be asked: ${sentenceOf(error)}`))
      .finally(() => {
        own.isUnderWay = false;
        own.lookedAtMs = this.ports.scheduler.nowMs();
        if (own.provedUntilMs !== undefined)
          own.provedUntilMs = own.lookedAtMs + PROVED_ELECTION_TIMEOUTS * electionTimeoutMs;
      });
  }

  private async askOthersOfOwn(replica: Replica, own: Case): Promise<void> {
    const { configuration } = replica.kernel.configuration;
    const voters = configuration.members.map(({ id }) => id).filter((id) => isVoter(configuration, id));
    const question = questionOf(own.hello);
    const answers = new Map<ReplicaId, WitnessAnswer | undefined>();
    const others = voters.filter((id) => id !== replica.replicaId);
    await Promise.all(
      others.map(async (id) => {
        const answer = await this.askWitness(id, question);
        // Who doesn't meet this node at its new address can't vouch for it.
        answers.set(id, answer?.reached === false && answer.old === 'silent' ? undefined : answer);
      }),
    );
    const verdict = verdictOn(replica.replicaId, configuration, answers, replica.kernel.durableIndex);
    const member = this.ports.links.memberOf(replica.replicaId);
    if (verdict === 'reachable') this.cameElsewhere = false;
    else if (verdict === 'moved') own.provedUntilMs = 0;
    else if (verdict !== 'alone' && verdict !== 'unanswered' && member !== undefined)
      this.ports.accused(accusation(verdict, member, own.hello));
  }

  private ownHello({ replicaId }: Replica, { own }: LifeBook): Hello {
    const member = this.ports.links.memberOf(replicaId)!;
    return {
      protocol: { min: 0, max: 0 },
      clusterName: '',
      clusterId: '',
      nodeName: member.name,
      replicaId,
      incarnation: member.incarnation,
      bootNonce: own.nonce,
      life: own.number,
      earlierLives: own.earlier,
      knownLives: [],
      advertise: this.ports.advertise,
    };
  }

  /** One entry for all moves that are known by now; it waits for those that are still looked into. */
  private write(replica: Replica, nowMs: number): void {
    const everyCase = [...this.cases.values(), ...(this.ownCase === undefined ? [] : [this.ownCase])];
    if (everyCase.some(({ isUnderWay }) => isUnderWay)) return;
    const updates: AddressUpdate[] = [];
    for (const member of replica.kernel.configuration.configuration.members) {
      const update = this.updateOf(member, replica, nowMs);
      if (update !== undefined && this.mayMove(member.id, nowMs)) updates.push(update);
    }
    if (updates.length === 0) return;
    const result = replica.changeAddresses(updates);
    if (result?.accepted !== true) return;
    for (const { id, peer, http } of updates) {
      const before = this.ports.links.memberOf(id);
      this.movedAtMs.set(id, nowMs);
      this.ports.logger.log(
        `'${before?.name}' came back at ${peer}${http === '' ? '' : ` (${http})`}, and was at ${before?.peer}: entry ${result.index} says so.`,
      );
    }
  }

  private updateOf(member: Member, { replicaId }: Replica, nowMs: number): AddressUpdate | undefined {
    const { id } = member;
    const isSelf = id === replicaId;
    const each = isSelf ? this.ownCase : this.cases.get(id);
    const isProved = each?.provedUntilMs !== undefined && nowMs < each.provedUntilMs;
    const peer = isProved ? each.hello.advertise : member.peer;
    const http = this.http.changedOf(id) ?? (isProved && !isSelf ? each.http : member.http);
    return peer === member.peer && http === member.http ? undefined : { id, peer, http };
  }

  private mayMove(id: ReplicaId, nowMs: number): boolean {
    const movedAtMs = this.movedAtMs.get(id) ?? Number.NEGATIVE_INFINITY;
    return nowMs - movedAtMs >= BETWEEN_MOVES_ELECTION_TIMEOUTS * this.ports.electionTimeoutMs;
  }
}

function questionOf({ replicaId, life, bootNonce, earlierLives, advertise }: Hello): WitnessQuestion {
  return { replicaId, number: life, nonce: bootNonce, earlier: earlierLives, address: advertise };
}
