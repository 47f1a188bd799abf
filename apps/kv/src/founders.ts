import { CommandLineError } from './command-line.error';
import { formatHostPort, type HostPort, isWildcard, parseHostPort, peerPortOf } from './host-port';

const FLAG = '--initial-advertise-peers';

/** A founder as the command line says it. */
export interface FounderAddress {
  readonly id: string;
  readonly http: HostPort;
  readonly peerPort: number;
}

/**
 * Reads `[ID=]HOST:PORT[/PEERPORT],…`.
 *
 * @throws CommandLineError
 */
export function parseFounders(text: string): readonly FounderAddress[] {
  const founders = text.split(',').map((part) => parseFounder(part.trim()));
  for (const what of ['id', 'address'] as const) {
    const values = founders.map((founder) => (what === 'id' ? founder.id : formatHostPort(founder.http)));
    const twice = values.find((value, at) => values.indexOf(value) !== at);
    if (twice !== undefined) throw new CommandLineError(`${FLAG}: the ${what} ${twice} is there twice`);
  }
  return founders;
}

function parseFounder(text: string): FounderAddress {
  const match = /^(?:([^=]*)=)?([^/=]+)(?:\/(\d+))?$/.exec(text);
  if (match === null) throw new CommandLineError(`${FLAG}: "${text}" isn't [ID=]HOST:PORT[/PEERPORT]`);
  const http = parseHostPort(FLAG, match[2]!);
  const id = match[1] ?? formatHostPort(http);
  if (!/^[A-Za-z0-9._:[\]-]{1,63}$/.test(id))
    throw new CommandLineError(`${FLAG}: "${id}" can't be an id: 1 to 63 of A–Z, a–z, 0–9, ".", "_", ":", "-"`);
  return { id, http, peerPort: match[3] === undefined ? peerPortOf(FLAG, http) : peerPort(match[3]) };
}

function peerPort(text: string): number {
  const port = Number(text);
  if (port < 1 || port > 65_535) throw new CommandLineError(`${FLAG}: there is no peer port ${text}`);
  return port;
}

/**
 * Finds which of the founders this process is: by its id, else by its advertised address, else by its listening address.
 *
 * @throws CommandLineError where it is none of them, or more than one could be meant
 */
export function findSelf(
  founders: readonly FounderAddress[],
  said: { readonly id?: string | undefined; readonly advertise?: HostPort | undefined; readonly listen: HostPort },
): FounderAddress {
  const list = founders.map((founder) => founder.id).join(', ');
  if (said.id !== undefined) {
    const self = founders.find((founder) => founder.id === said.id);
    if (self === undefined) throw new CommandLineError(`--id: ${said.id} is none of the founders (${list})`);
    return self;
  }
  const address = said.advertise ?? said.listen;
  const candidates = founders.filter(
    (founder) => founder.http.port === address.port && (founder.http.host === address.host || isWildcard(address.host)),
  );
  if (candidates.length === 1) return candidates[0]!;
  const flag = said.advertise === undefined ? '--listen-url' : '--advertise-url';
  throw new CommandLineError(
    candidates.length === 0
      ? `${flag}: ${formatHostPort(address)} is none of the founders (${list}); say with --id which one this node is`
      : `${flag}: ${formatHostPort(address)} could be each of ${candidates.map((each) => each.id).join(', ')}; say with --id which one this node is`,
  );
}
