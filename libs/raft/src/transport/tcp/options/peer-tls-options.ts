import type { TlsOptions, ConnectionOptions } from 'node:tls';
import type { PeerTlsFiles } from './tls-files';

/**
 * TLS between peers: what `tls.createServer` and `tls.connect` take (`key`, `cert`, `ca`, …), used for both, since each node is
 * both; or `keyFile`, `certFile` and `caFile`, the paths of PEM files. With `ca` or `caFile`, peers must show a certificate of it
 * (mutual TLS); without, everybody is let in, over an encrypted connection.
 *
 * @publicApi
 */
export type PeerTlsOptions = TlsOptions &
  ConnectionOptions &
  PeerTlsFiles & {
    /**
     * Whether a peer's certificate has to name, as subject alternative name (DNS or IP), the host of the address that the membership
     * gives for the peer (or that was dialled), or the peer's node name. Wildcards stand for one label; the common name doesn't count.
     * Default true. `false` lets every certificate of the authority be any node.
     */
    readonly requireNodeName?: boolean;
  };
