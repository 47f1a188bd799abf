import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RaftError, type RaftStatus, RaftService } from 'nestjs-raft';
import { filter, firstValueFrom, map, timeout } from 'rxjs';
import type { NodeSettings } from './command-line';
import { NODE_SETTINGS } from './node-settings.token';

/** How long a request waits for an election before it is told that there is no leader. */
const ELECTION_WAIT_TIMEOUTS = 3;

interface KnownLeader {
  readonly leader: NonNullable<RaftStatus['leader']>;
  readonly isSelf: boolean;
}

/**
 * What a node does with a request that the leader answers: a plain call instead of a guard, as every Nest enhancer on these
 * routes costs about as much as the database does.
 */
@Injectable()
export class FollowerGate {
  constructor(
    private readonly raft: RaftService,
    @Inject(NODE_SETTINGS) private readonly settings: NodeSettings,
  ) {}

  /** @returns true where this node takes the request; otherwise it has been answered, or is once the promise resolves */
  admits(request: FastifyRequest, reply: FastifyReply): boolean | Promise<boolean> {
    if (this.settings.onFollower === 'forward' || this.raft.isLeader()) return true;
    return this.sendElsewhere(request, reply);
  }

  private async sendElsewhere(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const { phase } = this.raft.status();
    // Waiting for a leader is no use: the refusal of the call says what to do.
    if (phase === 'removed' || phase === 'quarantined' || phase === 'failed' || phase === 'stopped') return true;
    const found = await this.leader();
    if (found === 'stopped' || found.isSelf) return true;
    const { leader } = found;
    const hint = { name: leader.name, peer: leader.peer, http: leader.http };
    if (this.settings.onFollower === 'reject' || leader.http === '')
      throw new RaftError('RAFT_NOT_LEADER', `This node follows ${leader.name}: send the request to it`, {
        leader: hint,
        retryAfterMs: this.settings.electionTimeoutMs,
      });
    const status = this.settings.redirectStatus ?? (hasBody(request) ? 307 : 302);
    await reply
      .code(status)
      .header('location', leader.http + request.url)
      .send({ code: 'RAFT_NOT_LEADER', message: `The leader is ${leader.name}`, leader: hint });
    return false;
  }

  /** @returns `stopped` where this node has stopped in the meantime, and learns of no leader any longer */
  private async leader(): Promise<'stopped' | KnownLeader> {
    const waitMs = ELECTION_WAIT_TIMEOUTS * this.settings.electionTimeoutMs;
    const known = this.raft.status$.pipe(
      map(({ phase, leader, replicaId }) =>
        phase === 'stopped' ? phase : leader && { leader, isSelf: leader.id === replicaId },
      ),
      filter((found) => found !== null),
      timeout({ first: waitMs }),
    );
    try {
      return await firstValueFrom(known);
    } catch (error) {
      throw new RaftError('RAFT_NO_LEADER', `No leader was known for ${waitMs} ms: nothing was applied, try again`, {
        retryAfterMs: this.settings.electionTimeoutMs,
        cause: error,
      });
    }
  }
}

function hasBody(request: FastifyRequest): boolean {
  return Buffer.isBuffer(request.body) && request.body.length > 0;
}
