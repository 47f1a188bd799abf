import { RaftError } from '../../errors/raft-error';

const ADDRESS = /^(?:\[[0-9a-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/i;

export function milliseconds(name: string, value: number | undefined, byDefault: number): number {
  return value === undefined ? byDefault : positiveInteger(name, value);
}

export function positiveInteger(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0)
    refuse(
      `${name} is ${show(value)}: give a whole number greater than 0${name.endsWith('Ms') ? ', in milliseconds' : ''}.`,
    );
  return value;
}

export function flag(name: string, value: unknown, byDefault: boolean): boolean {
  if (value === undefined) return byDefault;
  return typeof value === 'boolean' ? value : refuse(`${name} is ${show(value)}: write true or false.`);
}

/** @returns the value, where it is `host:port` */
export function address(name: string, value: unknown, leastPort = 1): string {
  const port = typeof value === 'string' ? ADDRESS.exec(value)?.[1] : undefined;
  if (port === undefined || Number(port) < leastPort || Number(port) > 65_535)
    refuse(`${name} is ${show(value)}: write host:port, such as 'n1:7001'.`);
  return value as string;
}

/** @returns the origin without a slash at its end, so that a path can follow; empty where there is none */
export function origin(name: string, value: unknown): string {
  if (value === undefined || value === '') return '';
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username !== ''
  )
    refuse(
      `${name} is ${show(value)}: write where HTTP clients reach this member, without a path, such as 'http://n1:3000'.`,
    );
  return url.origin;
}

export function show(value: unknown): string {
  return typeof value === 'function' ? `the function ${value.name}` : (JSON.stringify(value) ?? String(value));
}

export function refuse(sentence: string): never {
  throw new RaftError('RAFT_CONFIGURATION', `RaftModule: ${sentence}`);
}
