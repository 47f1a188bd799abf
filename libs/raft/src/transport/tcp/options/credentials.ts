import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { RaftError } from '../../../errors/raft-error';
import type { ConnectionRole } from '../../codec';
import type { TransportLogger } from '../../transport-logger';
import { FileBacked } from './file-backed';
import { secretsOf, type SecretSource } from './secrets';
import type { PeerTlsOptions } from './peer-tls-options';
import { withTlsFiles } from './tls-files';

/** Where credentials come from, as options say it. */
export interface CredentialSources {
  /** Of the nodes. */
  readonly peers: SecretSource & { readonly option: string; readonly where: string };
  /** Of clients. */
  readonly clients: SecretSource & { readonly option: string; readonly where: string };
  readonly tls: PeerTlsOptions | undefined;
  readonly tlsOption: string;
  /** How often files are looked at. */
  readonly checkMs: number;
  readonly logger: TransportLogger;
}

/**
 * The secrets and certificates of one transport. Those in files are read again when the files change, so that they can be replaced
 * without a restart: connections that are open stay open, new ones are made with the new.
 */
export class Credentials {
  private readonly secretsOfPeers: FileBacked<readonly string[]>;
  private readonly secretsOfClients: FileBacked<readonly string[]>;
  private readonly certificates: FileBacked<PeerTlsOptions | undefined>;
  private timer: NodeJS.Timeout | undefined;
  private tlsChanged: (tls: PeerTlsOptions) => void = () => undefined;

  /** @throws RaftError `RAFT_CONFIGURATION` */
  constructor(private readonly sources: CredentialSources) {
    let ofClients = (): readonly string[] => [];
    this.secretsOfPeers = this.secretsIn(sources.peers, () => ofClients());
    this.secretsOfClients = this.secretsIn(sources.clients, () => this.secretsOfPeers.current);
    ofClients = () => this.secretsOfClients.current;
    this.certificates = this.certificatesIn(sources);
  }

  /** @returns the first proves, all are accepted; empty where none is asked for */
  secrets(role: ConnectionRole): readonly string[] {
    return role === 'client' ? this.secretsOfClients.current : this.secretsOfPeers.current;
  }

  /** With the contents of the files in the place of their names. */
  get tls(): PeerTlsOptions | undefined {
    return this.certificates.current;
  }

  /** @param tlsChanged told of each new certificate */
  start(tlsChanged: (tls: PeerTlsOptions) => void): void {
    this.tlsChanged = tlsChanged;
    const watched = [this.secretsOfPeers, this.secretsOfClients, this.certificates];
    if (watched.every(({ isFixed }) => isFixed)) return;
    let looking = false;
    this.timer = setInterval(() => {
      if (looking) return;
      looking = true;
      void Promise.all(watched.map((each) => each.look())).then(() => (looking = false));
    }, this.sources.checkMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private secretsIn(
    source: CredentialSources['peers'],
    others: () => readonly string[],
  ): FileBacked<readonly string[]> {
    const { logger } = this.sources;
    const { option, where, secretFile } = source;
    return new FileBacked({
      what: `\`${option}File\``,
      paths: secretFile === undefined ? [] : [secretFile],
      load: () => {
        const secrets = secretsOf(source, option, where, (sentence) => logger.warn(sentence));
        if (secrets.some((secret) => others().includes(secret)))
          throw new RaftError(
            'RAFT_CONFIGURATION',
            `\`${option}\` has a secret that peers and clients share: a client could come as a node. Give clients another`,
          );
        return secrets;
      },
      changed: () => {
        const count = this.secrets(source === this.sources.clients ? 'client' : 'peer').length;
        logger.log(`\`${option}File\` has changed: ${count} secrets are accepted now, and the first proves this side.`);
      },
      warn: (sentence) => logger.warn(sentence),
    });
  }

  private certificatesIn({ tls, tlsOption, logger }: CredentialSources): FileBacked<PeerTlsOptions | undefined> {
    const files = [tls?.certFile, tls?.keyFile, tls?.caFile].filter((path) => path !== undefined);
    let current: PeerTlsOptions | undefined;
    return new FileBacked({
      what: `\`${tlsOption}\``,
      paths: files,
      load: () => {
        if (tls === undefined) return undefined;
        const next = withTlsFiles(tls, tlsOption);
        if (files.length > 0) requireUsable(next, current, tlsOption, logger);
        current = next;
        return next;
      },
      changed: () => {
        logger.log(
          `The files of \`${tlsOption}\` have changed: ${describe(current)} New connections are made with it.`,
        );
        this.tlsChanged(current!);
      },
      warn: (sentence) => logger.warn(sentence),
    });
  }
}

/** @throws Error for what no connection can be made with, or a certificate that has expired while the one in use has not */
function requireUsable(
  next: PeerTlsOptions,
  current: PeerTlsOptions | undefined,
  option: string,
  logger: TransportLogger,
): void {
  createSecureContext(next);
  const expiredAt = expiryOf(next);
  if (expiredAt === undefined || expiredAt > Date.now()) return;
  const sentence = `the certificate of \`${option}\` expired on ${new Date(expiredAt).toISOString()}: no peer accepts it. Renew it.`;
  const currentExpiry = current === undefined ? 0 : (expiryOf(current) ?? Number.POSITIVE_INFINITY);
  if (currentExpiry > Date.now()) throw new RaftError('RAFT_CONFIGURATION', sentence);
  logger.warn(`This node starts, and ${sentence}`);
}

function describe(tls: PeerTlsOptions | undefined): string {
  const expiry = tls && expiryOf(tls);
  return expiry === undefined
    ? 'they were read again.'
    : `the certificate is valid until ${new Date(expiry).toISOString()}.`;
}

function expiryOf({ cert }: PeerTlsOptions): number | undefined {
  if (typeof cert !== 'string' && !Buffer.isBuffer(cert)) return undefined;
  return Date.parse(new X509Certificate(cert).validTo);
}
