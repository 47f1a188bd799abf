import { type Type, UseGuards } from '@nestjs/common';
import type { RaftAdminModuleOptions } from './raft-admin-module-options.interface';
import { SameOriginGuard } from './same-origin.guard';

/** Puts the guards before every route of the controller. Other sites' pages are refused whichever guard the application gives. */
export function guarded(
  controller: Type<object>,
  { guard, allowedOrigins }: Pick<RaftAdminModuleOptions, 'guard' | 'allowedOrigins'>,
): Type<object> {
  UseGuards(new SameOriginGuard(allowedOrigins), ...(guard === false ? [] : [guard]))(controller);
  return controller;
}
