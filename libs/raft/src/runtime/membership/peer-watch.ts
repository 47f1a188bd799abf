import type { Configuration, Member } from '../../core/base/configuration';
import { isVoter } from '../../core/membership/membership';
import type { ReplicaId } from '../../core/base/types';
import type { PeerLinks } from '../peers/peer-links';
import type { RaftLogger } from '../base/logger';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';

const LOOK_EVERY_MS = 100;

export interface PeerWatchPorts {
  readonly links: PeerLinks;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  readonly electionTimeoutMs: number;
}

interface Absence {
  readonly sinceMs: number;
  readonly sinceWallMs: number;
  wasTold: boolean;
}

/** Says when a member is away and when it is back, each once: one that is away for hours is one line. */
export class PeerWatch {
  private readonly absences = new Map<ReplicaId, Absence>();
  private lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly ports: PeerWatchPorts) {}

  tick(nowMs: number, replica: Replica | undefined): void {
    if (replica === undefined || nowMs - this.lookedAtMs < LOOK_EVERY_MS) return;
    this.lookedAtMs = nowMs;
    const { configuration } = replica.kernel.configuration;
    const others = configuration.members.filter(({ id }) => id !== replica.replicaId);
    for (const id of this.absences.keys()) if (!others.some((member) => member.id === id)) this.absences.delete(id);
    const silentMs = new Map(replica.kernel.progress().map((progress) => [progress.id, progress.silentMs]));
    for (const member of others) {
      const why = this.absenceOf(member, silentMs.get(member.id) ?? 0);
      if (why === undefined) this.isThere(member, configuration, nowMs);
      else this.isAway(member, configuration, nowMs, why);
    }
  }

  /** @param silentMs of a leader: for how long the member hasn't answered @returns why the member is taken to be away */
  private absenceOf({ id }: Member, silentMs: number): string | undefined {
    const { links, electionTimeoutMs } = this.ports;
    const { state, detail } = links.routes.stateOfReplica(id);
    if (state !== 'connected') return detail === '' ? state : detail;
    return silentMs >= electionTimeoutMs ? "it doesn't answer, though the connection is open" : undefined;
  }

  private isAway(member: Member, configuration: Configuration, nowMs: number, why: string): void {
    const { scheduler, logger, electionTimeoutMs } = this.ports;
    let absence = this.absences.get(member.id);
    if (absence === undefined) {
      absence = { sinceMs: nowMs, sinceWallMs: scheduler.wallMs(), wasTold: false };
      this.absences.set(member.id, absence);
    }
    // One that is started again is back sooner.
    if (absence.wasTold || nowMs - absence.sinceMs < electionTimeoutMs) return;
    absence.wasTold = true;
    const since = new Date(absence.sinceWallMs).toISOString();
    logger.warn(`'${member.name}' is away since ${since}: ${why}; ${this.voters(configuration)}.`);
  }

  private isThere(member: Member, configuration: Configuration, nowMs: number): void {
    const absence = this.absences.get(member.id);
    this.absences.delete(member.id);
    if (absence?.wasTold !== true) return;
    const seconds = ((nowMs - absence.sinceMs) / 1000).toFixed(1);
    this.ports.logger.log(`'${member.name}' is back after ${seconds} s; ${this.voters(configuration)}.`);
  }

  /** This node is among those that answer, where it votes. */
  private voters(configuration: Configuration): string {
    const voters = configuration.members.filter(({ id }) => isVoter(configuration, id));
    const there = voters.filter(({ id }) => !this.absences.has(id));
    return `${there.length} of ${voters.length} voters answer`;
  }
}
