export { RaftAdminModule } from './raft-admin.module';
export type { AdminGuardOption, RaftAdminModuleOptions } from './raft-admin-module-options.interface';
