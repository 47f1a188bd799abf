import type { ValueTransformer } from 'typeorm';

/** bigint comes as text (or, where the application changed pg's parsers, as number or bigint); the core knows safe integers. */
export function toSafeInteger(value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || value === null || value === '')
    throw new RangeError(`${String(value)} isn't a safe integer`);
  return number;
}

export const SAFE_INTEGER: ValueTransformer = {
  from: (value: unknown) => (value === null || value === undefined ? null : toSafeInteger(value)),
  to: (value: unknown) => value,
};
