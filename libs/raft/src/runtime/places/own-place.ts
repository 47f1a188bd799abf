import type { Member } from '../../core/base/configuration';
import { errorMessage } from '../base/error-message';
import type { BootHistory } from '../store/boot-history';
import type { PeerLinks } from '../peers/peer-links';
import { PlaceCase } from './place-case';
import { accusation, verdictOn } from './place-verdict';
import type { RaftLogger } from '../base/logger';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';
import type { WitnessAnswers, WitnessRound } from './witness-round';

export interface OwnPlacePorts {
  readonly links: PeerLinks;
  readonly round: WitnessRound;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  readonly electionTimeoutMs: number;
  /** Where peers reach this node by its options. */
  readonly advertise: string;
  boots(): BootHistory | undefined;
  /** This node's own store must not take part. */
  accused(sentence: string): void;
}

/** A leader that came back elsewhere can't dial itself: it asks the others whether they meet it there. */
export class OwnPlace {
  /** Undefined while this node is where the membership says, or leads nobody. */
  case: PlaceCase | undefined;
  private isElsewhere = false;
  private isKnown = false;

  constructor(private readonly ports: OwnPlacePorts) {}

  configurationChanged(own: Member | undefined): void {
    const isThere = own === undefined || own.peer === this.ports.advertise;
    // What an administrator says of a node that runs isn't a move of that node.
    if (!this.isKnown) this.isElsewhere = !isThere;
    else if (isThere) this.isElsewhere = false;
    this.isKnown = true;
    if (!this.isElsewhere) this.case = undefined;
  }

  /** Of a leader. */
  look(replica: Replica, nowMs: number): void {
    const own = this.ports.boots()?.own;
    if (!this.isElsewhere || own === undefined) return;
    const { electionTimeoutMs, scheduler, logger, round, advertise } = this.ports;
    const { replicaId } = replica;
    const asked = (this.case ??= new PlaceCase({ ...own, replicaId, address: advertise }, electionTimeoutMs));
    if (!asked.isDue(nowMs)) return;
    asked.begin();
    round
      .ask(replica, asked.question)
      .then(
        (answers) => this.conclude(replica, asked, answers),
        (error: unknown) => logger.debug(`The others could not be asked: ${errorMessage(error)}`),
      )
      .finally(() => asked.end(scheduler.nowMs()));
  }

  private conclude(replica: Replica, asked: PlaceCase, answers: WitnessAnswers): void {
    const { links, scheduler, advertise } = this.ports;
    const { configuration } = replica.kernel.configuration;
    // Who doesn't meet this node at its new address can't vouch for it.
    const met = new Map(
      [...answers].map(([id, answer]) => [id, answer?.old === 'silent' && !answer.reached ? undefined : answer]),
    );
    const verdict = verdictOn(replica.replicaId, configuration, met, replica.kernel.durableIndex);
    const member = links.routes.memberOf(replica.replicaId);
    if (verdict === 'moved') asked.prove(scheduler.nowMs());
    else if (verdict === 'reachable') {
      this.isElsewhere = false;
      this.case = undefined;
    } else if (verdict !== 'alone' && member !== undefined) this.ports.accused(accusation(verdict, member, advertise));
  }
}
