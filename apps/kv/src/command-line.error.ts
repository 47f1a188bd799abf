/** A flag that can't be: the process ends with code 2, before anything is opened. */
export class CommandLineError extends Error {
  override readonly name = 'CommandLineError';
}
