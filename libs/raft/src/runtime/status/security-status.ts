/** How the peer port is protected: as the transport says, and `loopback` where nothing protects it but that it is local. @publicApi */
export type SecurityMode = 'secret' | 'tls' | 'tls+secret' | 'private' | 'loopback' | 'insecure';

/** Who may come as a peer, and so do anything: read and write all data, change the members. @publicApi */
export interface SecurityStatus {
  readonly mode: SecurityMode;
  /** The same as a sentence. */
  readonly detail: string;
}
