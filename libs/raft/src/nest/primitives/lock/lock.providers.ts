import { Logger, type Provider } from '@nestjs/common';
import type { GroupId } from '../../../core/types';
import { SystemScheduler } from '../../../runtime/system-scheduler';
import type { Replicated } from '../../../state-machine/replicated';
import type { RaftNodeHost } from '../../raft-node-host';
import { getRaftHostToken } from '../../raft.tokens';
import { callerOf } from '../../state-machine-caller';
import { LeaseClient } from '../lease/lease-client';
import type { LeaseMachine } from '../lease/lease-machine';
import { PrimitiveExpiry } from '../shared/primitive-expiry';
import { getRaftLockToken } from './get-raft-lock-token';
import { LockMachine } from './lock.machine';
import { RaftLockService } from './raft-lock.service';

const LOCKS = 'raft.locks';

/** What the root module provides for locks, which need no `forFeature`, and for whatever expires. */
export function lockProviders(group: GroupId): Provider[] {
  const host = getRaftHostToken(group);
  return [
    {
      provide: getRaftLockToken(group),
      inject: [host],
      useFactory: (nodeHost: RaftNodeHost): RaftLockService =>
        new RaftLockService(
          new LeaseClient({
            machine: callerOf(LockMachine, () => nodeHost) as Replicated<LeaseMachine>,
            events: nodeHost.machineEvents.of(LOCKS),
            scheduler: new SystemScheduler(),
            logger: new Logger('Raft'),
            what: 'The lock',
          }),
        ),
    },
    {
      provide: PrimitiveExpiry,
      inject: [host],
      useFactory: (nodeHost: RaftNodeHost): PrimitiveExpiry => new PrimitiveExpiry(nodeHost, new SystemScheduler()),
    },
  ];
}
