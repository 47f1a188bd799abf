import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import type { GroupId } from '../core/base/types';

/** A guard, as `@UseGuards()` takes it; `false` opens the routes to everybody. @publicApi */
export type AdminGuardOption = Type<CanActivate> | CanActivate | false;

/** @publicApi */
export interface RaftAdminModuleOptions {
  /** Where the routes are, below the application's global prefix. Default `_raft`. */
  readonly path?: string;
  /**
   * Who gets in, to each of the routes, the dashboard's page included. There is no default: everybody who may remove members may end the
   * cluster, so that open routes have to be asked for with `false`.
   */
  readonly guard: AdminGuardOption;
  /**
   * Further origins whose pages may call the routes, such as `https://ops.example.com`; pages of other origins than the routes' are
   * refused, see `SameOriginGuard`. A proxy that rewrites `Host` makes the routes' origin unknown: name it here. Default: none.
   */
  readonly allowedOrigins?: readonly string[];
  /** What a guard that is a class needs to be injected, where no global module has it. */
  readonly imports?: ModuleMetadata['imports'];
  /** The group that is administered. Default: the default group. */
  readonly group?: GroupId;
  /** Whether `GET <path>/ui` serves the dashboard. Default true. */
  readonly dashboard?: boolean;
  /** Where two short forms are, `PUT <shortPath>/leadership_transfer` and `PUT` or `DELETE <shortPath>/remove_node`. Default: nowhere. */
  readonly shortPath?: string;
  /**
   * Where a member's peers reach it, where a request names only its HTTP address (`host:port`). Default: a request has to say `peer`.
   *
   * @returns `host:port`
   * @throws Error whose message becomes the 400's
   */
  readonly peerOf?: (http: string) => string;
}
