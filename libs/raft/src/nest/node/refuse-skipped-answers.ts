import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import { handlerKind, hasCaller, type HandlerKind } from '../common/handler-kind';
import { LEADER_ONLY, type LeaderOnlyOptions } from '../common/leader-only.interface';
import { leaderOnlyPolicy, type RaftSettings } from '../common/raft-settings';
import { groupName } from '../common/raft.tokens';

const CALLERS: Readonly<Partial<Record<HandlerKind, string>>> = {
  http: 'an HTTP route',
  message: 'a @MessagePattern()',
  socket: 'a @SubscribeMessage()',
};

/**
 * Looks for `skip` on handlers that owe somebody an answer.
 *
 * @throws RaftError `RAFT_CONFIGURATION`
 */
export function refuseSkippedAnswers(discovery: DiscoveryService, settings: RaftSettings): void {
  const scanner = new MetadataScanner();
  for (const { metatype } of [...discovery.getControllers(), ...discovery.getProviders()]) {
    const prototype = typeof metatype === 'function' ? (metatype.prototype as unknown) : undefined;
    if (typeof prototype !== 'object' || prototype === null || metatype === null) continue;
    const methods = prototype as Readonly<Record<string, object>>;
    for (const name of scanner.getAllMethodNames(prototype)) {
      const method = methods[name]!;
      const kind = handlerKind(method);
      const options = optionsOf(method) ?? optionsOf(metatype);
      if (options === undefined || !hasCaller(kind) || groupName(options.group) !== settings.group) continue;
      if (leaderOnlyPolicy('@LeaderOnly()', options, settings.leaderOnly).onFollower === 'skip')
        throw new RaftError(
          'RAFT_CONFIGURATION',
          `${metatype.name}.${name}() is ${CALLERS[kind]!}, and its @LeaderOnly() has onFollower: 'skip': on a follower its callers would never get an answer. Write 'reject', 'redirect' or 'forward'; 'skip' is for events, which nobody waits for.`,
        );
    }
  }
}

function optionsOf(target: object): LeaderOnlyOptions | undefined {
  return Reflect.getMetadata(LEADER_ONLY, target) as LeaderOnlyOptions | undefined;
}
