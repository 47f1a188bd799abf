import { BadRequestException } from '@nestjs/common';
import type { Precondition } from './key-value.machine';

/** An entity tag is the index of the command that wrote the value. */
export function entityTag(version: number): string {
  return `"${version}"`;
}

/**
 * Reads `If-Match` and `If-None-Match` (RFC 9110 §13.1) of a write.
 *
 * @returns undefined where there is neither
 * @throws BadRequestException where they can't be meant: `If-None-Match` of a write is only `*`
 */
export function writePrecondition(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): Precondition | undefined {
  if (ifMatch !== undefined && ifNoneMatch !== undefined)
    throw new BadRequestException('If-Match and If-None-Match exclude each other: send one of them');
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === '*') return 'absent';
    throw new BadRequestException('If-None-Match of a write must be *, which means: only if the key is absent');
  }
  if (ifMatch === undefined) return undefined;
  return ifMatch.trim() === '*' ? 'present' : parseTags('If-Match', ifMatch);
}

/** Whether a GET with this `If-None-Match` is answered with 304: the comparison is weak (RFC 9110 §13.1.2). */
export function isFresh(ifNoneMatch: string | undefined, version: number): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === entityTag(version));
}

/** Tags of other stores, and weak ones, are well formed but match nothing (RFC 9110 §13.1.1). */
function parseTags(header: string, text: string): readonly number[] {
  const tags = text.split(',').map((tag) => tag.trim());
  for (const tag of tags)
    if (!/^(W\/)?"[^"]*"$/.test(tag)) throw new BadRequestException(`${header}: ${tag} isn't an ETag, such as "42"`);
  return tags.filter((tag) => /^"\d{1,15}"$/.test(tag)).map((tag) => Number(tag.slice(1, -1)));
}
