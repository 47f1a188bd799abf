import { RaftError } from '../../errors/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import type { StateMachineClass } from '../../state-machine/declare/machine-class';
import { groupName } from './raft.tokens';

const TOKENS = 'nestjs-raft:state-machine-tokens';

/**
 * The token under which `RaftModule.forFeature([Class])` provides a state machine's `Replicated<Class>`: for
 * `overrideProvider` in tests, and for `moduleRef.get`.
 *
 * @param group the group that replicates it. Default: the default group
 * @throws RaftError `RAFT_CONFIGURATION` where the class isn't there yet, which is a circular import
 */
export function getStateMachineToken(machine: StateMachineClass, group?: GroupId): symbol {
  const name = groupName(group);
  if (typeof machine !== 'function')
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `A state machine's class is ${String(machine)} where @InjectStateMachine() or RaftModule.forFeature() names it: its file is imported in a circle. Import the class from a file that doesn't import this one.`,
    );
  // Kept with the class, so that two classes of one name have two tokens. It is what the class is called, and no state.
  const tokens =
    (Reflect.getOwnMetadata(TOKENS, machine) as Map<GroupId, symbol> | undefined) ?? new Map<GroupId, symbol>();
  Reflect.defineMetadata(TOKENS, tokens, machine);
  const known = tokens.get(name);
  if (known !== undefined) return known;
  // Nest prints the description where the provider is missing.
  const feature = `[${machine.name}]${name === DEFAULT_GROUP ? '' : `, '${name}'`}`;
  const token = Symbol(
    `Replicated<${machine.name}>, which RaftModule.forFeature(${feature}) provides: add it to the imports of the module`,
  );
  tokens.set(name, token);
  return token;
}
