/** A snapshot that is in this node's store. @publicApi */
export interface SnapshotInfo {
  /** The last entry that it covers. */
  readonly index: number;
  readonly term: number;
  readonly chunks: number;
  readonly sizeBytes: number;
}

/** A snapshot on its way to this node. @publicApi */
export interface InstallStatus {
  readonly stage: 'fetching' | 'installing';
  readonly index: number;
  /** The node that it comes from; empty while one is looked for. */
  readonly source: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** How often the way broke off and was gone on with. */
  readonly resumptions: number;
}
