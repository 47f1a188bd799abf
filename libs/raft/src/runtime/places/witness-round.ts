import type { Configuration } from '../../core/base/configuration';
import { isVoter } from '../../core/membership/membership';
import type { ReplicaId } from '../../core/base/types';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { decodeWitness, encodeQuestion, WITNESS, type WitnessAnswer, type WitnessQuestion } from './place-calls';
import type { PlaceWitness } from './place-witness';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';

export interface WitnessRoundPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly witness: PlaceWitness;
  readonly scheduler: Scheduler;
  readonly electionTimeoutMs: number;
}

/** By voter; undefined where one didn't answer. */
export type WitnessAnswers = ReadonlyMap<ReplicaId, WitnessAnswer | undefined>;

/** Asks all voters but the mover what they see of its old place, this node among them. */
export class WitnessRound {
  constructor(private readonly ports: WitnessRoundPorts) {}

  async ask({ kernel, replicaId }: Replica, question: WitnessQuestion): Promise<WitnessAnswers> {
    const answers = new Map<ReplicaId, WitnessAnswer | undefined>();
    const asked = new Set([replicaId, ...votersOf(kernel.configuration.configuration)]);
    asked.delete(question.replicaId);
    await Promise.all(
      [...asked].map(async (id) => {
        const isSelf = id === replicaId;
        answers.set(id, await (isSelf ? this.ports.witness.testify(question) : this.askOther(id, question)));
      }),
    );
    return answers;
  }

  /** Whether somebody who is connected hasn't answered. */
  isIncomplete(answers: WitnessAnswers): boolean {
    return [...answers].some(([id, answer]) => answer === undefined && this.ports.links.routeTo(id) !== undefined);
  }

  /** A voter that came back elsewhere, too, is asked where it says that it is. */
  private async askOther(id: ReplicaId, question: WitnessQuestion): Promise<WitnessAnswer | undefined> {
    const { links, calls, scheduler, electionTimeoutMs } = this.ports;
    const address = links.routeTo(id)?.address ?? links.movers.moverOf(id)?.hello.advertise;
    if (address === undefined) return undefined;
    links.invite(address, scheduler.nowMs());
    try {
      const body = encodeQuestion(question);
      return decodeWitness(await calls.call(address, WITNESS, body, 3 * electionTimeoutMs));
    } catch {
      return undefined;
    }
  }
}

function votersOf(configuration: Configuration): readonly ReplicaId[] {
  return configuration.members.map(({ id }) => id).filter((id) => isVoter(configuration, id));
}
