/** An error as Node makes them. Told by its shape, since `instanceof` fails for errors of another realm (Jest runs tests in one). */
interface SystemError {
  readonly message: string;
  readonly code?: string;
  /** Of an attempt that tried several addresses, each address's error; the message is empty then. */
  readonly errors?: readonly unknown[];
}

export function errorCode(error: unknown): string | undefined {
  return isErrorLike(error) ? error.code : undefined;
}

export function errorText(error: unknown): string {
  if (!isErrorLike(error)) return String(error);
  if (error.message !== '') return error.message;
  return error.errors?.map(errorText).join('; ') ?? error.code ?? 'an error without a message';
}

function isErrorLike(error: unknown): error is SystemError {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';
}
