import { Inject } from '@nestjs/common';
import type { GroupId } from '../../core/base/types';
import type { StateMachineClass } from '../../state-machine/declare/machine-class';
import { getStateMachineToken } from './get-state-machine-token';

/**
 * Injects a state machine's commands and queries.
 *
 * @param machine the class, as `RaftModule.forFeature([Class])` names it
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * constructor(@InjectStateMachine(Counters) private readonly counters: Replicated<Counters>) {}
 * ```
 */
export function InjectStateMachine(
  machine: StateMachineClass,
  group?: GroupId,
): ParameterDecorator & PropertyDecorator {
  return Inject(getStateMachineToken(machine, group));
}
