import { RaftError } from '../../errors/raft-error';
import { errorCode, errorText } from './options/error-text';

/** Says what is wrong with `peers.listen`, and what to do, instead of what `listen(2)` said. */
export function listenError(listen: string, cause: unknown): RaftError {
  return new RaftError('RAFT_CONFIGURATION', `\`peers.listen\` is '${listen}': ${sentence(cause)}`, { cause });
}

export function malformedListen(listen: string): RaftError {
  return new RaftError(
    'RAFT_CONFIGURATION',
    `\`peers.listen\` is '${listen}', which isn't an address; write host:port, for example '0.0.0.0:7001'`,
  );
}

function sentence(cause: unknown): string {
  switch (errorCode(cause)) {
    case 'EADDRINUSE':
      return 'another process listens there already; stop it, or choose another port';
    case 'EACCES':
      return 'this process may not listen there; choose a port above 1023, or give it the right';
    case 'EADDRNOTAVAIL':
      return "no interface of this machine has that address; use one that it has, or '0.0.0.0' for all";
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return "that host name can't be resolved here; use an address of this machine, or '0.0.0.0' for all";
    default:
      return `listening failed (${errorText(cause)}); choose an address and port that this machine can listen on`;
  }
}
