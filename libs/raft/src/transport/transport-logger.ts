/** Where a transport tells what happens to its connections. Nest's `Logger` fits. @publicApi */
export interface TransportLogger {
  debug(message: string): void;
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
