import { StateMachineHost, type CommandOutcome, type RaftMachineEvent } from 'nestjs-raft';
import { makeEntry } from '../../libs/raft/src/core/base/entry';
import { encodeCommand, stampCommandTime } from '../../libs/raft/src/state-machine/entries/command-envelope';
import { encodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';
import { decodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';

const TERM = 3;

/** One machine that commands are applied to by hand, at times that a test says. */
export class MachineLog {
  readonly told: RaftMachineEvent[] = [];
  private readonly host: StateMachineHost;
  index = 0;

  constructor(
    private readonly machine: string,
    instance: object,
  ) {
    this.host = new StateMachineHost([instance], { onEvent: (_machine, event) => void this.told.push(event) });
  }

  /** @returns the command's result. It throws an Error with the reason, where it was refused */
  async at<R>(timeMs: number, command: string, ...args: unknown[]): Promise<R> {
    const data = encodeCommand({ machine: this.machine, command, args });
    stampCommandTime(data, timeMs);
    const entry = makeEntry(++this.index, TERM, { kind: 'command', schemaVersion: 0, data });
    const [outcome] = await this.host.apply([entry], () => true);
    return valueOf(outcome!) as R;
  }

  async ask<R>(query: string, ...args: unknown[]): Promise<R> {
    return valueOf(await this.host.query(encodeQuery({ machine: this.machine, query, args }))) as R;
  }

  /** What was told but for the times at which something is due. */
  changes(): unknown[] {
    return this.told
      .filter((event) => event.kind === 'change')
      .map(({ value }) => value as { readonly type: string })
      .filter(({ type }) => type !== 'due');
  }

  /** @returns the same log on another node, which got a snapshot */
  async copy(instance: object): Promise<MachineLog> {
    const copy = new MachineLog(this.machine, instance);
    const source = await this.host.capture();
    await copy.host.restore({ term: TERM, index: this.index }, source.chunks());
    copy.index = this.index;
    return copy;
  }
}

function valueOf(outcome: CommandOutcome): unknown {
  if (outcome.status === 'rejected')
    throw Object.assign(new Error(outcome.reason), { reason: outcome.reason, details: outcome.details });
  if (outcome.status === 'failed') throw new Error(outcome.message);
  if (outcome.status !== 'applied') throw new Error(outcome.status);
  return outcome.value === undefined ? undefined : decodeValue(outcome.value);
}
