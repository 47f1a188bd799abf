import { makeEntry } from '../../core/base/entry';
import type { CommandContext } from './command-context';
import { encodeCommand, stampCommandTime } from '../entries/command-envelope';
import { RaftCommand, RaftRestore, RaftSnapshot, RaftStateMachine } from './decorators';
import type { RaftMachineEvent } from '../entries/machine-change';
import { RaftRejection } from './raft-rejection';
import { SnapshotMap } from '../snapshot/snapshot-map';
import { StateMachineHost } from '../host/state-machine-host';

const kept: CommandContext[] = [];

@RaftStateMachine('bells')
class Bells {
  private readonly rung = new SnapshotMap<string, number>();

  @RaftCommand()
  ring(context: CommandContext, ...names: string[]): void {
    for (const name of names) {
      this.rung.set(name, context.index);
      context.emit({ name });
    }
    kept.push(context);
  }

  @RaftCommand()
  refuse(context: CommandContext): void {
    context.emit('asked');
    throw new RaftRejection('CLOSED');
  }

  @RaftCommand()
  tellWhatIsNoData(context: CommandContext): void {
    context.emit(() => undefined);
  }

  @RaftSnapshot()
  capture() {
    return this.rung.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.rung.restore(chunks);
  }
}

describe('what commands tell with emit', () => {
  const logged: string[] = [];
  let heard: (readonly [string, RaftMachineEvent])[];
  let listening: (machine: string, event: RaftMachineEvent) => void;
  let host: StateMachineHost;
  let index: number;

  beforeEach(() => {
    heard = [];
    logged.length = 0;
    index = 0;
    listening = (machine, event) => void heard.push([machine, event]);
    host = new StateMachineHost([new Bells()], {
      logger: { warn: () => undefined, error: (message) => void logged.push(message) },
      onEvent: (machine, event) => listening(machine, event),
    });
  });

  const entry = (command: string, ...args: unknown[]) => {
    const data = encodeCommand({ machine: 'bells', command, args });
    stampCommandTime(data, 1_000);
    return makeEntry(++index, 3, { kind: 'command', schemaVersion: 0, data });
  };
  const apply = (...entries: ReturnType<typeof entry>[]) => host.apply(entries, () => true);

  it('is heard in the order of the log, with the place of its command, behind the entries that were applied together', async () => {
    let appliedWhenHeard = 0;
    listening = (machine, event) => {
      heard.push([machine, event]);
      void host.applied().then(({ last }) => (appliedWhenHeard = last.index));
    };

    await apply(entry('ring', 'a', 'b'), entry('ring', 'c'));

    const of = (at: number, name: string) => [
      'bells',
      { kind: 'change', index: at, term: 3, now: 1_000, command: 'ring', value: { name } },
    ];
    expect(heard).toEqual([of(1, 'a'), of(1, 'b'), of(2, 'c')]);
    expect(appliedWhenHeard).toBe(2);
  });

  it('is frozen, so that no listener changes it for another', async () => {
    await apply(entry('ring', 'a'));
    const [, event] = heard[0]!;
    expect(event.kind === 'change' && Object.isFrozen(event.value)).toBe(true);
  });

  it('is told of a command that refuses, whose changes stay too', async () => {
    const [outcome] = await apply(entry('refuse'));
    expect(outcome).toMatchObject({ status: 'rejected', reason: 'CLOSED' });
    expect(heard).toHaveLength(1);
  });

  it('must be plain data, whether anybody listens or not: otherwise nodes would differ', async () => {
    const deaf = new StateMachineHost([new Bells()]);
    const what = entry('tellWhatIsNoData');
    const [outcome] = await host.apply([what], () => true);
    expect(outcome).toMatchObject({ status: 'failed' });
    expect(await deaf.apply([what], () => true)).toEqual([outcome]);
  });

  it('ends with the command: a context that was kept tells nothing more', async () => {
    await apply(entry('ring', 'a'));
    expect(() => kept.at(-1)!.emit('late')).toThrow('A command has ended when it returns or throws');
  });

  it('goes on where a listener throws, which is logged and changes no outcome', async () => {
    listening = () => {
      throw new Error('of the listener');
    };
    const outcomes = await apply(entry('ring', 'a'), entry('ring', 'b'));
    expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'applied']);
    expect(logged).toHaveLength(2);
    expect(logged[0]).toContain('Who watches bells threw at index 1: of the listener');
  });

  it('says where a snapshot took the place of what would have been told', async () => {
    await apply(entry('ring', 'a'));
    const source = await host.capture();
    heard = [];

    await host.restore({ term: 3, index: 1 }, source.chunks());

    expect(heard).toEqual([['bells', { kind: 'replaced', index: 1 }]]);
  });
});
