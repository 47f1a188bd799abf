import type { Type } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import { RAFT_FEATURE } from './raft.tokens';

/** What one `forFeature` says, as the value of a provider. */
export interface RaftFeature {
  readonly group: GroupId;
  /** What was named, as it is written. */
  readonly label: string;
  readonly machines: readonly Type<object>[];
}

/** Gathers the state machines that the modules of the application name, and makes each once. */
export class StateMachineRegistry {
  constructor(
    private readonly group: GroupId,
    private readonly discovery: DiscoveryService,
    private readonly moduleRef: ModuleRef,
  ) {}

  /**
   * @returns an instance of each class, in the order of their names, so that it doesn't depend on the order of imports
   * @throws RaftError `RAFT_CONFIGURATION` where a class is a provider somewhere, too
   */
  async instantiate(): Promise<readonly object[]> {
    const classes = this.classes();
    this.refuseProvidedClasses(classes);
    const instances: object[] = [];
    for (const machine of classes) instances.push(await this.moduleRef.create(machine));
    return instances;
  }

  private classes(): readonly Type<object>[] {
    const classes = new Set<Type<object>>();
    for (const { token, instance } of this.discovery.getProviders()) {
      if (token !== RAFT_FEATURE) continue;
      const feature = instance as RaftFeature;
      if (feature.group === this.group) feature.machines.forEach((machine) => classes.add(machine));
    }
    return [...classes].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** A second instance would look like the state and never get a command. */
  private refuseProvidedClasses(classes: readonly Type<object>[]): void {
    for (const { token, host } of this.discovery.getProviders()) {
      const machine = classes.find((candidate) => candidate === token);
      if (machine !== undefined && host?.providers.has(RAFT_FEATURE) !== true)
        throw new RaftError(
          'RAFT_CONFIGURATION',
          `${machine.name} is a replicated state machine, and ${host?.metatype.name ?? 'a module'} has it among its providers. Remove it there: RaftModule.forFeature([${machine.name}]) is enough, and @InjectStateMachine(${machine.name}) injects it.`,
        );
    }
  }
}
