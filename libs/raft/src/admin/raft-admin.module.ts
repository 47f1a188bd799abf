import { type DynamicModule, Module } from '@nestjs/common';
import { RaftError } from '../errors/raft-error';
import { adminController } from './admin-controller';
import type { RaftAdminModuleOptions } from './raft-admin-module-options.interface';
import { shortFormsController } from './short-forms-controller';

/**
 * The administration of a cluster over HTTP, in the application's own server, on Express or Fastify: state, members, leadership,
 * snapshots, a stream of events and a dashboard. Each route works on any node. Where `@nestjs/swagger` is installed the routes are
 * in its document.
 *
 * @example
 * ```ts
 * RaftAdminModule.register({ path: 'admin/raft', guard: OperatorGuard })
 * ```
 * @publicApi
 */
@Module({})
export class RaftAdminModule {
  /** @throws RaftError `RAFT_CONFIGURATION` where no guard is given, and open routes aren't asked for */
  static register(options: RaftAdminModuleOptions): DynamicModule {
    requireGuard((options as Partial<RaftAdminModuleOptions> | undefined)?.guard);
    const { shortPath, imports = [] } = options;
    return {
      module: RaftAdminModule,
      imports,
      controllers: [
        adminController(options),
        ...(shortPath === undefined ? [] : [shortFormsController(shortPath, options)]),
      ],
    };
  }
}

function requireGuard(guard: unknown): void {
  const isGuard =
    guard === false ||
    typeof guard === 'function' ||
    (typeof guard === 'object' && guard !== null && 'canActivate' in guard);
  if (isGuard) return;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    'RaftAdminModule.register() has no guard: everybody who reaches its routes may remove members and end the cluster. Give a guard, guard: OperatorGuard, or say that the routes are open to everybody who reaches them, guard: false.',
  );
}
