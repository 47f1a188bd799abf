import { Logger, type Provider } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { SystemScheduler } from '../../../runtime/base/system-scheduler';
import type { Replicated } from '../../../state-machine/calls/replicated';
import type { CallHost } from '../../common/call-host.interface';
import type { RaftNodeHost } from '../../node/raft-node-host';
import { getRaftHostToken } from '../../common/raft.tokens';
import { callerOf } from '../../common/state-machine-caller';
import { LeaseClient } from '../lease/lease-client';
import type { LeaseMachine } from '../lease/lease-machine';
import { PrimitiveExpiry } from '../shared/primitive-expiry';
import { getRaftLockToken } from './get-raft-lock-token';
import { LockMachine } from './lock.machine';
import { RaftLockService } from './raft-lock.service';

const LOCKS = 'raft.locks';

/** @param host what the locks' commands go through, and where it is heard who got one */
export function lockServiceOf(host: CallHost): RaftLockService {
  return new RaftLockService(
    new LeaseClient({
      machine: callerOf(LockMachine, () => host) as Replicated<LeaseMachine>,
      events: host.machineEvents.of(LOCKS),
      scheduler: new SystemScheduler(),
      logger: new Logger('Raft'),
      what: 'The lock',
    }),
  );
}

/** What the root module provides for locks, which need no `forFeature`, and for whatever expires. */
export function lockProviders(group: GroupId): Provider[] {
  const host = getRaftHostToken(group);
  return [
    {
      provide: getRaftLockToken(group),
      inject: [host],
      useFactory: (nodeHost: RaftNodeHost): RaftLockService => lockServiceOf(nodeHost),
    },
    {
      provide: PrimitiveExpiry,
      inject: [host],
      useFactory: (nodeHost: RaftNodeHost): PrimitiveExpiry => new PrimitiveExpiry(nodeHost, new SystemScheduler()),
    },
  ];
}
