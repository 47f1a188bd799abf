import type { Type } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { GroupId } from '../../core/base/types';
import type { Scheduler } from '../../runtime/base/scheduler';
import type { RaftMachineEvent } from '../../state-machine/entries/machine-change';

/** What a handle is made of. */
export interface PrimitiveParts {
  /** The `Replicated` of the primitive's machine. */
  readonly caller: object;
  /** What the machine tells on this node. */
  readonly events: Observable<RaftMachineEvent>;
  readonly scheduler: Scheduler;
  readonly logger: { warn(message: string): void };
}

/**
 * A replicated thing that `RaftModule.forFeature([…])` takes beside state machines: what `raftMap()`, `raftCounter()` and the
 * like return. All of one kind live in one state machine, each under its name.
 *
 * @publicApi
 */
export interface RaftPrimitive {
  /** As it is written: `raftMap('flags')`. */
  readonly label: string;
  /** The state machine that holds it. */
  readonly machine: Type<object>;
  /** The token of what is injected. */
  token(group?: GroupId): string;
  /** Makes what is injected. */
  handle(parts: PrimitiveParts): object;
}

/** @returns whether what `forFeature` was given is a primitive, and no class */
export function isPrimitive(feature: Type<object> | RaftPrimitive): feature is RaftPrimitive {
  return typeof feature === 'object' && feature !== null && 'handle' in feature;
}
