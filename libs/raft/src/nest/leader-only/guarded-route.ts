/** One route under `@LeaderOnly()`: on a follower it refuses, answers with a redirect to the leader, or forwards. */

import type { ModuleRef } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import { getRaftToken } from '../services/get-raft-token';
import type { RaftService } from '../services/raft.service';
import { leaderOnlyPolicy, type RaftSettings } from '../common/raft-settings';
import { getRaftSettingsToken } from '../common/raft.tokens';
import type { LeaderOnlyOptions, LeaderOnlyPolicy } from '../common/leader-only.interface';

/** What is known of a decorated method in one application. */
export interface GuardedRoute {
  readonly raft: Pick<RaftService, 'isLeader' | 'status'>;
  readonly policy: Required<LeaderOnlyPolicy>;
  readonly timeoutMs: number;
}

/** @throws RaftError `RAFT_CONFIGURATION` where the application has no such group */
export function guardedRoute(moduleRef: ModuleRef, options: LeaderOnlyOptions): GuardedRoute {
  const settings = find<RaftSettings>(moduleRef, getRaftSettingsToken(options.group), options.group);
  return {
    raft: find<RaftService>(moduleRef, getRaftToken(options.group), options.group),
    policy: leaderOnlyPolicy('@LeaderOnly()', options, settings.leaderOnly),
    timeoutMs: settings.requestTimeoutMs,
  };
}

function find<T>(moduleRef: ModuleRef, token: ReturnType<typeof getRaftToken>, group: GroupId | undefined): T {
  try {
    return moduleRef.get<T>(token, { strict: false });
  } catch (error) {
    const call = group === undefined ? 'RaftModule.forRoot()' : `RaftModule.forRoot({ group: '${group}' })`;
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `@LeaderOnly() is used, but no module imports ${call}: import it once, in the application's root module.`,
      { cause: error },
    );
  }
}
