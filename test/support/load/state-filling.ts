import type { KvCluster } from '../kv/kv-cluster';

const CLIENTS = 32;

/** @param bytes of values in all, written as keys of `valueBytes` each below `/state` */
export async function fillState(
  cluster: KvCluster,
  { bytes, valueBytes = 16_384 }: { readonly bytes: number; readonly valueBytes?: number },
): Promise<void> {
  const keys = Array.from({ length: Math.ceil(bytes / valueBytes) }, (_, at) => at).values();
  const leader = await cluster.leader();
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (const at of keys) await cluster.put(`/state/${at}`, valueAt(at, valueBytes), { node: leader });
    }),
  );
}

/** Different for each key, so that a value that isn't its own is seen. */
export function valueAt(at: number, valueBytes = 16_384): string {
  return JSON.stringify(`${at} `.repeat(valueBytes).slice(0, valueBytes - 2));
}
