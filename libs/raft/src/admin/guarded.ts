import { type Type, UseGuards } from '@nestjs/common';
import type { AdminGuardOption } from './raft-admin-module-options.interface';

/** Puts the guard before every route of the controller. */
export function guarded(controller: Type<object>, guard: AdminGuardOption): Type<object> {
  if (guard !== false) UseGuards(guard)(controller);
  return controller;
}
