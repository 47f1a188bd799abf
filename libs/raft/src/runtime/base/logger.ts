/** Where a node tells what happens to it. Nest's `Logger` fits. @publicApi */
export interface RaftLogger {
  debug(message: string): void;
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
