import { readFileSync } from 'node:fs';
import { RaftError } from '../../../errors/raft-error';
import { errorText } from './error-text';

/** Files of keys and certificates, in PEM. @publicApi */
export interface PeerTlsFiles {
  /** The private key of this side. With `certFile`; in the place of `key`. */
  readonly keyFile?: string;
  /** The certificate of this side, followed by those between it and the authority. With `keyFile`; in the place of `cert`. */
  readonly certFile?: string;
  /** The certificates of the authorities that the other side's certificate is checked by. In the place of `ca`. */
  readonly caFile?: string;
}

interface TlsContents {
  readonly key?: unknown;
  readonly cert?: unknown;
  readonly ca?: unknown;
}

/**
 * @param option the name of the TLS options
 * @returns the options with the contents of the files that they name
 * @throws RaftError `RAFT_CONFIGURATION` a file can't be read, stands beside what it would replace, or lacks its other half
 */
export function withTlsFiles<T extends PeerTlsFiles & TlsContents>(tls: T, option: string): T {
  const contents: Record<string, Buffer> = {};
  for (const name of ['key', 'cert', 'ca'] as const) {
    const path = tls[`${name}File`];
    if (path === undefined) continue;
    if (tls[name] !== undefined)
      throw wrong(`\`${option}.${name}\` and \`${option}.${name}File\` are both given: leave one of them out`);
    contents[name] = contentsOf(path, `${option}.${name}File`);
  }
  const merged = { ...tls, ...contents };
  if ((tls.keyFile !== undefined || tls.certFile !== undefined) && (!merged.key || !merged.cert))
    throw wrong(
      `\`${option}\` has a ${merged.key ? 'key and no certificate' : 'certificate and no key'}: \`keyFile\` and \`certFile\` go together`,
    );
  return merged;
}

function contentsOf(path: string, option: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw wrong(`\`${option}\` (${path}) can't be read: ${errorText(error)}. Check the path and who may read it`);
  }
}

function wrong(sentence: string): RaftError {
  return new RaftError('RAFT_CONFIGURATION', sentence);
}
