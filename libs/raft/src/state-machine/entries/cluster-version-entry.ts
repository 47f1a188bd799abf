import { ByteReader } from '../codec/byte-reader';

/** The formats that this version writes and reads, as one number: every member of a cluster of this version has them. */
export const CLUSTER_VERSION = 1;

/**
 * The data of an entry of kind `clusterVersion`, by which a cluster begins to write formats that all of its members had by then.
 *
 * @returns the version
 * @throws MalformedBytesError
 */
export function decodeClusterVersion(bytes: Uint8Array): number {
  const input = new ByteReader(bytes, 'An entry that raises the cluster’s version');
  const version = input.uint8();
  input.end();
  return version;
}
