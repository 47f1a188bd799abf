import { z } from 'zod';
import { type Entry, makeEntry } from '../../core/base/entry';
import { encodeClock } from '../entries/clock-entry';
import { encodeCommand } from '../entries/command-envelope';
import type { CommandContext, QueryContext } from '../declare/command-context';
import { createReplicated } from '../calls/create-replicated';
import { RaftCommand, RaftQuery, RaftRestore, RaftSnapshot, RaftStateMachine } from '../declare/decorators';
import { DIGEST_EVERY } from './digests';
import { SnapshotMap } from '../snapshot/snapshot-map';
import { StateMachineHost } from './state-machine-host';
import { TwinCheckedHost } from './twin-check';
import { decodeValue } from '../codec/value-codec';

const everything = (): boolean => true;

@RaftStateMachine('names')
class Names {
  protected readonly values = new SnapshotMap<string, string>();

  @RaftCommand()
  set(_context: CommandContext, key: string, value: string): string {
    this.values.set(key, value);
    return value;
  }

  @RaftQuery()
  get(_context: QueryContext, key: string): string {
    return this.values.get(key) ?? '';
  }

  @RaftSnapshot()
  capture() {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

/** The next version of the application: two names in one argument, and a state that is written in another way. */
@RaftStateMachine('names')
class NewNames extends Names {
  from = -1;

  @RaftCommand({
    schemaVersion: 2,
    upgrade: { 0: (key: string, value: string) => [key, value, 'new'], 1: (...all: never[]) => all },
  })
  override set(_context: CommandContext, key: string, value: string, tag = ''): string {
    this.values.set(key, `${value}/${tag}`);
    return `${value}/${tag}`;
  }

  @RaftSnapshot({ version: 3 })
  override capture() {
    return this.values.capture();
  }

  @RaftRestore()
  override restore(chunks: AsyncIterable<Uint8Array>, from?: { readonly version: number }): Promise<void> {
    this.from = from!.version;
    return this.values.restore(chunks);
  }
}

@RaftStateMachine('dice')
class Dice extends Names {
  @RaftCommand()
  roll(_context: CommandContext): number {
    return Math.random();
  }
}

function command(index: number, schemaVersion: number, name: string, ...args: unknown[]): Entry {
  const [machine, method] = name.split('.') as [string, string];
  const data = encodeCommand({ machine, command: method, args });
  return { index, term: 1, kind: 'command', format: 1, schemaVersion, data } as Entry;
}

async function chunksOf(host: StateMachineHost): Promise<Uint8Array[]> {
  const source = await host.capture();
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) chunks.push(chunk);
  return chunks;
}

async function* replay(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

describe('versions of a state machine', () => {
  it('bring arguments of older entries up to the newest version, step by step', async () => {
    const host = new StateMachineHost([new NewNames()]);
    const outcomes = await host.apply(
      [command(1, 0, 'names.set', 'a', 'x'), command(2, 2, 'names.set', 'b', 'y', 'z')],
      everything,
    );
    expect(outcomes.map((each) => each.status === 'applied' && decodeValue(each.value!))).toEqual(['x/new', 'y/z']);
  });

  it('stop a node at an entry of a version that it does not know, and never skip it', async () => {
    const host = new StateMachineHost([new Names()]);
    await expect(host.apply([command(1, 2, 'names.set', 'a', 'x', 'z')], everything)).rejects.toThrow(
      /names\.set in version 2, and this node knows it up to version 0/,
    );
  });

  it('tell the restoring method which version wrote the snapshot, and refuse a newer one', async () => {
    const old = new StateMachineHost([new Names()]);
    await old.apply([command(1, 0, 'names.set', 'a', 'x')], everything);
    const machine = new NewNames();
    await new StateMachineHost([machine]).restore({ index: 1, term: 1 }, replay(await chunksOf(old)));
    expect(machine.from).toBe(0);
    const newer = new StateMachineHost([new NewNames()]);
    await newer.apply([command(1, 2, 'names.set', 'a', 'x', 'y')], everything);
    const chunks = await chunksOf(newer);
    await expect(new StateMachineHost([new Names()]).restore({ index: 1, term: 1 }, replay(chunks))).rejects.toThrow(
      /'names' in version 3, and this node reads up to version 0/,
    );
  });

  it('refuse an upgrade that leads beyond the version of the command', () => {
    @RaftStateMachine('wrong')
    class Wrong extends Names {
      @RaftCommand({ schemaVersion: 1, upgrade: { 1: (key: string) => [key] } })
      other(_context: CommandContext): void {}
    }
    expect(() => new StateMachineHost([new Wrong()])).toThrow(
      /other has an upgrade from version 1, and schemaVersion 1/,
    );
  });
});

describe('arguments that are checked before they are proposed', () => {
  @RaftStateMachine('checked')
  class Checked extends Names {
    @RaftCommand({ args: [z.string().min(2), z.object({ size: z.coerce.number().positive() })] })
    add(_context: CommandContext, _name: string, _options: { size: number }): void {}
  }
  const proposed: Uint8Array[] = [];
  const client = {
    propose: (bytes: Uint8Array) => {
      proposed.push(bytes);
      return Promise.resolve({ value: { status: 'applied', value: undefined } as const, index: 1 });
    },
    query: () => Promise.reject(new Error('none')),
  };

  it('are refused with every issue and its path, and never reach the log', async () => {
    const checked = createReplicated(Checked, client);
    await expect(checked.add('a', { size: -1 })).rejects.toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'INVALID_ARGUMENTS',
      details: [{ path: 'args[0]' }, { path: 'args[1].size' }],
    });
    expect(proposed).toEqual([]);
  });

  it('are proposed as the schema gives them back', async () => {
    await createReplicated(Checked, client).add('ab', { size: '7' as never });
    expect(
      Buffer.compare(proposed[0]!, encodeCommand({ machine: 'checked', command: 'add', args: ['ab', { size: 7 }] })),
    ).toBe(0);
  });
});

describe('digests of what a machine made of the log', () => {
  async function digestOf(entries: readonly Entry[], restoreAt?: number) {
    let host = new StateMachineHost([new Names()]);
    for (const entry of entries) {
      await host.apply([entry], () => false);
      if (entry.index !== restoreAt) continue;
      const chunks = await chunksOf(host);
      host = new StateMachineHost([new Names()]);
      await host.restore({ index: entry.index, term: 1 }, replay(chunks));
    }
    return host.digest();
  }
  const entries = Array.from({ length: DIGEST_EVERY }, (_, at) =>
    command(at + 1, 0, 'names.set', `k${at % 7}`, `v${at}`),
  );

  it('are equal for one log, however it was applied, also where a node went on from a snapshot', async () => {
    const whole = await digestOf(entries);
    expect(whole).toMatchObject({ index: DIGEST_EVERY });
    expect(await digestOf(entries, 4321)).toEqual(whole);
    const together = new StateMachineHost([new Names()]);
    await together.apply(entries, everything);
    expect(together.digest()).toEqual(whole);
  });

  it('are made at clock entries too, wherever slices end, so that no node waits for thousands of entries', async () => {
    const clock = (index: number, timeMs: number): Entry =>
      makeEntry(index, 1, { kind: 'clock', schemaVersion: 0, data: encodeClock(timeMs) });
    const few = [...entries.slice(0, 20), clock(21, 1000), command(22, 0, 'names.set', 'a', 'b'), clock(23, 2000)];
    const whole = await digestOf(few);
    expect(whole).toMatchObject({ index: 23 });
    expect(await digestOf(few, 20)).toEqual(whole);
    expect(await digestOf(few, 22)).toEqual(whole);
    const together = new StateMachineHost([new Names()]);
    await together.apply(few, everything);
    expect(together.digest()).toEqual(whole);
    expect(together.digest(21)).toMatchObject({ index: 21 });
    // What is in memory alone is no reason for an entry.
    expect(together.wantsDigest()).toBe(false);
  });

  it('differ where one result did', async () => {
    const other = [...entries];
    other[1023] = command(1024, 0, 'names.set', 'k1', 'another');
    expect((await digestOf(other))!.outcomes).not.toBe((await digestOf(entries))!.outcomes);
  });
});

describe('commands that are run twice in development', () => {
  it('stop the node where the second run answers otherwise', async () => {
    const host = new TwinCheckedHost([new Dice()], [new Dice()]);
    await host.apply([command(1, 0, 'dice.set', 'a', 'b')]);
    await expect(host.apply([command(2, 0, 'dice.roll')])).rejects.toThrow(
      /dice\.roll at entry 2 gave another answer when it was run again: it depends on something/,
    );
  });

  it('stop the node where it leaves another state behind', async () => {
    let calls = 0;
    @RaftStateMachine('shared')
    class Shared extends Names {
      @RaftCommand()
      touch(_context: CommandContext): void {
        this.values.set('calls', String(++calls));
      }
    }
    const host = new TwinCheckedHost([new Shared()], [new Shared()]);
    await host.apply([command(1, 0, 'shared.touch')]);
    await expect(host.capture()).rejects.toThrow(/left another state/);
  });
});
