import type { LoggerService } from '@nestjs/common';

/** `enableShutdownHooks()` may come behind `app.init()`, in the same turn as `listen()` or soon after. */
const SETTLED_MS = 2_000;

/**
 * Says when nothing in the process hears the signal that ends it: then no hook runs, calls are cut off, and the peers learn of
 * it from their closed connections.
 */
export class ShutdownHooksWarning {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly logger: Pick<LoggerService, 'warn'>) {}

  arm(): void {
    this.timer = setTimeout(() => {
      if (process.listenerCount('SIGTERM') === 0)
        this.logger.warn(
          'enableShutdownHooks() was not called: on SIGTERM this process ends at once, in the middle of what it does, instead of draining its calls and giving up its store in order. Write app.enableShutdownHooks() in main.ts.',
        );
    }, SETTLED_MS);
    this.timer.unref();
  }

  disarm(): void {
    clearTimeout(this.timer);
  }
}
