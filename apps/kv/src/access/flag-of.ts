import { CommandLineError } from '../command-line.error';

/** What a variable says that stands for a flag without a value. @throws CommandLineError */
export function flagOf(name: string, text: string | undefined): boolean {
  if (text === undefined || text === '' || text === 'false') return false;
  if (text === 'true') return true;
  throw new CommandLineError(`${name}: "${text}" is neither true nor false`);
}
