export { RaftAdminModule } from './raft-admin.module';
export type { AdminGuardOption, RaftAdminModuleOptions } from './raft-admin-module-options.interface';
export { SameOriginGuard } from './same-origin.guard';
