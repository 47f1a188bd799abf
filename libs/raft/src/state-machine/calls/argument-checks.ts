import { RaftError } from '../../errors/raft-error';
import type { ArgumentCheck } from '../declare/machine-metadata';
import { type ArgumentIssue, checkBySchema, isStandardSchema } from '../declare/standard-schema';

/** Checks a value against a class with class-validator's decorators. @returns what is wrong; nothing for a value that is right */
export type ClassCheck = (
  type: abstract new (...args: never[]) => object,
  value: unknown,
  path: string,
) => Promise<readonly ArgumentIssue[]>;

/**
 * Checks the arguments of a command on the caller's node, so that what isn't right never gets into the log.
 *
 * @param byClass for checks that are classes
 * @returns the arguments as they are to be proposed
 * @throws RaftError `RAFT_REJECTED` with the reason `INVALID_ARGUMENTS`, and in its details every issue with its path
 */
export async function checkedArguments(
  method: string,
  args: readonly unknown[],
  checks: readonly ArgumentCheck[],
  byClass: ClassCheck,
): Promise<readonly unknown[]> {
  const checked = [...args];
  const issues: ArgumentIssue[] = [];
  for (const [at, check] of checks.entries()) {
    if (check === undefined) continue;
    const path = `args[${at}]`;
    if (isStandardSchema(check)) {
      const result = await checkBySchema(check, args[at], path);
      if ('issues' in result) issues.push(...result.issues);
      else if (at < args.length || result.value !== undefined) checked[at] = result.value;
    } else issues.push(...(await byClass(check, args[at], path)));
  }
  if (issues.length === 0) return checked;
  const first = issues[0]!;
  throw new RaftError(
    'RAFT_REJECTED',
    `${method} was not proposed: ${first.path} ${first.message}${issues.length > 1 ? `, and ${issues.length - 1} more` : ''}. Correct the arguments.`,
    { reason: 'INVALID_ARGUMENTS', details: issues },
  );
}
