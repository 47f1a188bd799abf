import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { distinctUntilChanged, map } from 'rxjs';
import type { Scheduler } from '../../../runtime/base/scheduler';
import type { Replicated } from '../../../state-machine/calls/replicated';
import { describeMachineClass } from '../../../state-machine/declare/machine-class';
import type { RaftNodeHost } from '../../node/raft-node-host';
import { callerOf } from '../../common/state-machine-caller';
import { ExpiringMachine } from './expiring-machine';
import { ExpiryDriver } from './expiry-driver';

/** Drives what expires in the machines of a group's node, one driver a machine. */
export class PrimitiveExpiry implements OnApplicationBootstrap, OnModuleDestroy {
  private drivers: readonly ExpiryDriver[] = [];

  constructor(
    private readonly host: RaftNodeHost,
    private readonly scheduler: Scheduler,
  ) {}

  onApplicationBootstrap(): void {
    const { host, scheduler } = this;
    const isLeader = host.status$.pipe(
      map((status) => status.isLeader),
      distinctUntilChanged(),
    );
    this.drivers = host.machineTypes
      .filter((type) => type.prototype instanceof ExpiringMachine)
      .map((type) => {
        const caller = callerOf(type, () => host) as Replicated<ExpiringMachine>;
        return new ExpiryDriver({
          machine: { dueAt: () => caller.$stale().dueAt(), expire: () => caller.expire() },
          events: host.machineEvents.of(describeMachineClass(type).name),
          isLeader,
          scheduler,
          logger: new Logger('Raft'),
        });
      });
    for (const driver of this.drivers) driver.start();
  }

  onModuleDestroy(): void {
    for (const driver of this.drivers) driver.stop();
  }
}
