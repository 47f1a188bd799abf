import { type CommandOutcome, type RaftMachineEvent, StateMachineHost } from 'nestjs-raft';
import { makeEntry } from '../../libs/raft/src/core/base/entry';
import { encodeCommand, stampCommandTime } from '../../libs/raft/src/state-machine/entries/command-envelope';
import type { CommandContext, QueryContext } from '../../libs/raft/src/state-machine/declare/command-context';
import { encodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';
import { storedAnswer } from '../../libs/raft/src/state-machine/sessions/stored-answer';
import { decodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import { encodeMachineEvent } from '../../libs/raft/src/runtime/clients/client-calls';
import type { GoldenFile } from './golden-file';

const TERM = 3;
const BEGIN_MS = 1_700_000_000_000;

type Argumented<M, C> = { [K in keyof M]: M[K] extends (context: C, ...args: never[]) => unknown ? K : never }[keyof M];
type ArgsOf<F, C> = F extends (context: C, ...args: infer Args) => unknown ? Args : never;

/** One call, at so many milliseconds after the begin; the types of its arguments are the machine's. */
type Call<M, C> = { [K in Argumented<M, C>]: readonly [label: string, atMs: number, method: K, ...ArgsOf<M[K], C>] };

export type GoldenCommand<M> = Call<M, CommandContext>[Argumented<M, CommandContext>];
export type GoldenQuery<M> = Call<M, QueryContext>[Argumented<M, QueryContext>];

/** One built-in machine, with the log that an earlier build wrote for it and the snapshot that it made of that. */
export class GoldenMachine<M extends object> {
  constructor(
    private readonly file: GoldenFile,
    private readonly name: string,
    private readonly make: () => M,
  ) {}

  /** This build writes each command, its answer, its events and the snapshot as the golden build did. */
  async expectWrites(commands: readonly GoldenCommand<M>[]): Promise<void> {
    const { host, told } = this.hostOf(this.make());
    for (const [at, [label, atMs, command, ...args]] of commands.entries()) {
      const data = encodeCommand({ machine: this.name, command: String(command), args });
      stampCommandTime(data, BEGIN_MS + atMs);
      this.file.expectBytes(`command: ${label}`, data);
      this.file.expectBytes(`answer: ${label}`, await run(host, at + 1, data));
      for (const [place, event] of told.splice(0).entries())
        this.file.expectBytes(`event ${place + 1}: ${label}`, encodeMachineEvent(event));
    }
    this.file.expectBytes('snapshot of the group', await captured(host));
  }

  /** This build makes of the golden log the golden answers and snapshot. */
  async expectReplays(labels: readonly string[]): Promise<void> {
    const { host } = this.hostOf(this.make());
    for (const [at, label] of labels.entries())
      this.file.expectBytes(`answer: ${label}`, await run(host, at + 1, this.file.bytes(`command: ${label}`)));
    this.file.expectBytes('snapshot of the group', await captured(host));
  }

  /** @returns what this build answers from the golden snapshot */
  async restored(index: number, queries: readonly GoldenQuery<M>[]): Promise<Record<string, unknown>> {
    const { host } = this.hostOf(this.make());
    await host.restore({ term: TERM, index }, chunksOf(this.file.bytes('snapshot of the group')));
    this.file.expectBytes('snapshot of the group', await captured(host));
    const answers: Record<string, unknown> = {};
    for (const [label, , query, ...args] of queries)
      answers[label] = decodeValue(
        valueOf(await host.query(encodeQuery({ machine: this.name, query: String(query), args }))),
      );
    return answers;
  }

  private hostOf(instance: M): { readonly host: StateMachineHost; readonly told: RaftMachineEvent[] } {
    const told: RaftMachineEvent[] = [];
    return { told, host: new StateMachineHost([instance], { onEvent: (_machine, event) => void told.push(event) }) };
  }
}

async function run(host: StateMachineHost, index: number, data: Uint8Array): Promise<Uint8Array> {
  const [outcome] = await host.apply([makeEntry(index, TERM, { kind: 'command', schemaVersion: 0, data })], () => true);
  return outcome?.status === 'rejected' ? storedAnswer(index, outcome).bytes : valueOf(outcome!);
}

function valueOf(outcome: CommandOutcome): Uint8Array {
  if (outcome.status === 'applied') return outcome.value ?? new Uint8Array();
  throw new Error(`${outcome.status}: ${JSON.stringify(outcome)}`);
}

async function captured(host: StateMachineHost): Promise<Uint8Array> {
  const source = await host.capture();
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) chunks.push(chunk.slice());
  source.release();
  return Buffer.concat(chunks);
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}
