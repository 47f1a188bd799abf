import type { LogId } from '../../core/base/types';
import { sameLogId } from '../../core/base/types';
import type { BackedMachines } from './backed-machines';
import type { ClientTables } from '../sessions/client-tables';
import { MalformedBytesError } from '../codec/codec-errors';
import type { HostedMachine } from './hosted-machine';
import type { SnapshotHeader } from '../snapshot/snapshot-format';
import { SnapshotReader } from '../snapshot/snapshot-reader';

export interface RestorePorts {
  readonly machines: ReadonlyMap<string, HostedMachine>;
  readonly clients: ClientTables;
  readonly backed: BackedMachines;
  readonly last: LogId;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Called before the first machine is touched. */
  begin(): void;
}

/**
 * Gives the clients' tables and each machine their part of a group's snapshot, one after the other. A machine that the snapshot doesn't know (it was
 * added to the application since) goes back to the state that it began with.
 *
 * @returns what the state is of
 * @throws MalformedBytesError the snapshot isn't whole, or isn't of this entry
 * @throws UnknownFormatError a newer version wrote it
 */
export async function restoreMachines(ports: RestorePorts): Promise<SnapshotHeader> {
  const { machines, clients, backed, last } = ports;
  const reader = new SnapshotReader(ports.chunks);
  try {
    const header = await reader.header();
    const known = checkHeader(header, last, machines);
    ports.begin();
    await clients.restore(reader.clients(header.format));
    for (const [position, machine] of known.entries()) {
      // The rest may be large, and isn't needed.
      if (known.slice(position).every((each) => isAhead(backed, each, last.index))) break;
      const version = header.versions[position]!;
      await restoreMachine(machine, reader.machine(position), backed, last, version);
      if (position === known.length - 1) await reader.end();
    }
    if (known.length === 0) await reader.end();
    for (const machine of machines.values())
      if (!known.includes(machine)) await restoreMachine(machine, noChunks(), backed, last, machine.snapshotVersion);
    return header;
  } finally {
    await reader.close();
  }
}

/** A state that lasts has come further than the snapshot, by itself. */
function isAhead(backed: BackedMachines, machine: HostedMachine, index: number): boolean {
  return backed.has(machine) && backed.isAheadOf(machine, index);
}

function checkHeader(
  header: SnapshotHeader,
  last: LogId,
  machines: ReadonlyMap<string, HostedMachine>,
): readonly HostedMachine[] {
  if (!sameLogId(header, last))
    throw new MalformedBytesError(
      `A snapshot of entry ${header.index} of term ${header.term} was given for entry ${last.index} of term ${last.term}`,
    );
  const known = header.machines.map((name) => {
    const machine = machines.get(name);
    if (machine === undefined)
      throw new Error(
        `The snapshot holds the state machine '${name}', which this node doesn't have: give it the version of the application that the others run.`,
      );
    return machine;
  });
  for (const [at, machine] of known.entries()) {
    const version = header.versions[at]!;
    if (version > machine.snapshotVersion)
      throw new Error(
        `The snapshot holds '${machine.name}' in version ${version}, and this node reads up to version ${machine.snapshotVersion}: give it the version of the application that the others run.`,
      );
  }
  if (new Set(known).size !== known.length) throw new MalformedBytesError('A snapshot names a state machine twice');
  return known;
}

async function restoreMachine(
  machine: HostedMachine,
  chunks: AsyncGenerator<Uint8Array>,
  backed: BackedMachines,
  last: LogId,
  version: number,
): Promise<void> {
  if (isAhead(backed, machine, last.index)) {
    for await (const _skipped of chunks);
    return;
  }
  // Without `return`, so that a machine that stops early leaves the rest to be found.
  const open: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) };
  if (backed.has(machine)) await backed.restore(machine, last, open);
  else await machine.restore(open, version);
  for await (const left of chunks)
    throw new Error(
      `The state machine '${machine.name}' was restored without all of its snapshot (${left.length} bytes and more are left): its method with @RaftRestore() must read every chunk.`,
    );
}

async function* noChunks(): AsyncGenerator<Uint8Array, void, undefined> {}
