/** Texts of V8's RangeErrors that depend on how much stack, memory or address space a process has, or on V8's version. */
const RESOURCE_TEXT =
  /call stack|out of memory|allocation failed|Invalid string length|maximum size exceeded|BigInt too big|Maximum BigInt size/i;

/** Node's errors that do. */
const RESOURCE_CODES: ReadonlySet<unknown> = new Set([
  'ERR_STRING_TOO_LONG',
  'ERR_BUFFER_TOO_LARGE',
  'ERR_MEMORY_ALLOCATION_FAILED',
  'ERR_WORKER_OUT_OF_MEMORY',
]);

const MAX_CAUSES = 8;

/**
 * Whether an error, or one that caused it, comes from this process (its stack, its memory) or its system (a file, a socket),
 * and not from the command and the state alone. Another node, with the same command and state, needn't meet it.
 */
export function isOfThisProcess(error: unknown): boolean {
  for (let cause = error, count = 0; typeof cause === 'object' && cause !== null && count < MAX_CAUSES; count++) {
    if (isResourceError(cause) || isSystemError(cause)) return true;
    cause = (cause as { readonly cause?: unknown }).cause;
  }
  return false;
}

function isResourceError(error: object): boolean {
  const { name, message, code } = error as Partial<NodeJS.ErrnoException>;
  if (RESOURCE_CODES.has(code)) return true;
  return name === 'RangeError' && typeof message === 'string' && RESOURCE_TEXT.test(message);
}

function isSystemError(error: object): boolean {
  const { errno, syscall } = error as Partial<NodeJS.ErrnoException>;
  return typeof errno === 'number' && typeof syscall === 'string';
}
