import { Inject } from '@nestjs/common';
import { RaftError } from '../../../errors/raft-error';
import type { GroupId } from '../../../core/base/types';
import { groupName } from '../../common/raft.tokens';
import { wrapMethod } from '../shared/wrap-method';
import { getRaftLockToken } from './get-raft-lock-token';
import type { RaftLockOptions, RaftLockService } from './raft-lock.service';

/** Options of {@link Locked}. @publicApi */
export interface LockedOptions extends Omit<RaftLockOptions, 'signal'> {
  /** The group whose locks they are. Default: the default group. */
  readonly group?: GroupId;
}

/** Its result must be one that can be waited for: a caller gets it when the lock is released. */
type LockableMethod = (...args: never[]) => Promise<unknown> | void;

/** It may take fewer arguments than the method. */
type KeyOf<Args extends unknown[]> = (this: never, ...args: Args) => string;

/**
 * Runs the method under a lock of the cluster, for every caller: a controller's route, a message or an event handler, `@Cron()`,
 * or other code. It stands anywhere among a method's decorators.
 *
 * The method's class gets the `RaftLockService` automatically, as a property. Inside, `RaftLockService.current()` is the lock, with its
 * token and its signal.
 *
 * A call fails with `RAFT_LOCKED` (HTTP 423) where the lock isn't free within `waitMs`, and with `RAFT_LOCK_LOST` where it was
 * lost before the method had ended.
 *
 * @param key the lock's key, or what makes it of the method's arguments; `this` is the instance
 * @param options times in milliseconds; default: `ttlMs` 30,000, `waitMs` 10,000
 * @example
 * ```ts
 * @Post(':id/pay')
 * @Locked((id: string) => `invoice:${id}`, { waitMs: 2_000 })
 * async pay(@Param('id') id: string): Promise<void> {
 *   await this.invoices.pay(id, this.locks.current()!.token);
 * }
 * ```
 * @publicApi
 */
export function Locked<Args extends unknown[]>(key: string | KeyOf<Args>, options: LockedOptions = {}) {
  const { group, ...lockOptions } = options;
  const property = propertyOf(group);
  return <M extends LockableMethod>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & (KeyOf<Args> extends KeyOf<Parameters<M>> ? unknown : never),
  ): void => {
    Inject(getRaftLockToken(group))(target, property);
    wrapMethod(
      descriptor as TypedPropertyDescriptor<M>,
      (original) =>
        // A handler that promises nothing gets a Promise all the same: frameworks wait for it, and see its error.
        async function locked(this: object, ...args: never[]): Promise<unknown> {
          const locks = locksOf(this, property, target, name);
          const keyOfCall = typeof key === 'string' ? key : key.apply(this as never, args as unknown as Args);
          return locks.run(keyOfCall, lockOptions, () => original.apply(this, args));
        } as unknown as M,
    );
  };
}

function propertyOf(group: GroupId | undefined): string {
  return `raftLockService(${groupName(group)})`;
}

function locksOf(instance: object, property: string, target: object, name: string | symbol): RaftLockService {
  const locks = (instance as Record<string, RaftLockService | undefined> | undefined)?.[property];
  if (locks !== undefined) return locks;
  const { name: className } = target.constructor;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `${className}.${String(name)} has @Locked(), and its ${className} was not made by Nest, or is not 'this': the lock could not be asked for, and the method was not called. Get ${className} from Nest and call the method on it; in a unit test, give it the property '${property}'.`,
  );
}
