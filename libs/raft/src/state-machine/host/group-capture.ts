import type { BackedMachines } from './backed-machines';
import type { ClientTables } from '../sessions/client-tables';
import type { SnapshotSource } from '../contract';
import type { HostedMachine } from './hosted-machine';
import type { SnapshotHeader } from '../snapshot/snapshot-format';
import { GroupSnapshot, releaseAll } from '../snapshot/snapshot-writer';

export interface GroupCapturePorts {
  readonly machines: ReadonlyMap<string, HostedMachine>;
  readonly backed: BackedMachines;
  readonly clients: ClientTables;
  /** What the snapshot says of itself, but for its machines. */
  readonly head: Omit<SnapshotHeader, 'format' | 'machines' | 'versions'>;
}

/** Captures the clients' tables and every machine of a group: at once where all are in memory. */
export function captureGroup({
  machines,
  backed,
  clients,
  head,
}: GroupCapturePorts): SnapshotSource | Promise<SnapshotSource> {
  const all = [...machines.values()];
  // Those with a backing come last: a restore that finds them ahead needn't read their part.
  const inMemory = all.filter((machine) => machine.backing === undefined);
  const others = all.filter((machine) => machine.backing !== undefined);
  const sources: SnapshotSource[] = [];
  const ofClients = clients.capture();
  const whole = (): SnapshotSource => {
    const names = [...inMemory, ...others].map(({ name }) => name);
    const versions = [...inMemory, ...others].map(({ snapshotVersion }) => snapshotVersion);
    return new GroupSnapshot({ ...head, machines: names, versions }, ofClients, sources);
  };
  try {
    for (const machine of inMemory) sources.push(machine.capture());
  } catch (error) {
    releaseAll(sources);
    throw error;
  }
  return others.length === 0 ? whole() : backed.captureInto(others, sources).then(whole);
}
