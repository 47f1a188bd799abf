import type { AdminRequest } from './admin-request';

interface ClosingSocket {
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/** A request of Express is Node's; one of Fastify has it. */
interface RawRequest {
  readonly raw?: { readonly socket?: unknown };
  readonly socket?: unknown;
}

/**
 * Runs what a request asks for, and tells it when the caller has hung up: what isn't proposed by then is dropped.
 *
 * @param run gets a signal that is aborted when the connection closes
 */
export async function whileConnected<T>(request: AdminRequest, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { raw, socket = raw?.socket } = request as RawRequest;
  const abort = (): void => controller.abort();
  const closing = isSocket(socket) ? socket : undefined;
  closing?.once('close', abort);
  try {
    return await run(controller.signal);
  } finally {
    closing?.off('close', abort);
  }
}

function isSocket(value: unknown): value is ClosingSocket {
  return typeof value === 'object' && value !== null && 'once' in value && 'off' in value;
}
