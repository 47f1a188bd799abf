import { encodeCommand, type ReplicatedStateMachine, StateMachineHost } from '../../libs/raft/src/state-machine';
import { SnapshotReader } from '../../libs/raft/src/state-machine/snapshot/snapshot-reader';
import type { StateMachineConformanceSubject } from '../../libs/raft/src/testing';
import { checkCuts } from '../../libs/raft/src/testing/state-machine-conformance/cut-checks';
import { StateMachineConformanceContext } from '../../libs/raft/src/testing/state-machine-conformance/state-machine-conformance-context';
import { Notes } from '../replay/group-subject';
import { TestPostgres } from '../support/postgres';
import { bankOn } from './bank';
import { TablesUnderTest, valueOf } from './tables-under-test';

jest.setTimeout(300_000);

describe('rule 26: replicated tables beside a machine in memory', () => {
  let postgres: TestPostgres;
  const databases = new Map<ReplicatedStateMachine, TablesUnderTest>();

  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  afterAll(async () => {
    for (const machine of databases.keys()) await machine.close?.();
    for (const { admin } of new Set(databases.values())) await admin.destroy();
    await postgres.stop();
  });

  async function started(tables: TablesUnderTest): Promise<ReplicatedStateMachine> {
    const Bank = bankOn(tables.url, { commandsPerTransaction: 5 });
    const host = new StateMachineHost([new Bank(), new Notes()]);
    host.belongsTo('one cluster');
    await host.applied();
    databases.set(host, tables);
    return host;
  }

  /** Rows by their keys, as they may lie in any order; and all that a snapshot has beside them. */
  async function stateOf(machine: ReplicatedStateMachine): Promise<string> {
    const source = await machine.capture();
    try {
      const reader = new SnapshotReader(source.chunks());
      const { format, machines, index } = await reader.header();
      const parts = [String(index), await textOf(reader.clients(format))];
      for (const [position, name] of machines.entries()) {
        const text = await textOf(reader.machine(position));
        parts.push(name === 'bank' ? await databases.get(machine)!.content() : text);
      }
      return parts.join('\n');
    } finally {
      source.release();
    }
  }

  const subject: StateMachineConformanceSubject = {
    create: async () => started(await TablesUnderTest.make(postgres)),
    restart: (machine) => started(databases.get(machine)!),
    command,
    refusedCommand: () => call('bank', 'transfer', 'k1', 'k2', 1_000_000_000),
    failingCommand: () => call('bank', 'transfer', 'nobody', 'nobody', 1),
    unknownCommand: () => call('bank', 'unheardOf'),
    query: () => new Uint8Array(0),
    stateOf,
  };

  it('have the same rows, answers and sessions, however one log is cut', async () => {
    const counts = await checkCuts(new StateMachineConformanceContext(subject), { seed: 3, entries: 110, nodes: 3 });

    expect(counts.restarts * counts.snapshots * counts.installs).toBeGreaterThan(0);
  });

  it('tell no command the time of another that is applied with it', async () => {
    const [together, single] = [await TablesUnderTest.make(postgres), await TablesUnderTest.make(postgres)];
    for (const tables of [together, single]) {
      await tables.admin.query(
        `CREATE FUNCTION unseen() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (now() < '2024-01-01')::text; END $$`,
      );
      await tables.open('c1');
    }
    const commands = [
      together.command('open', 'ada', 1),
      together.command('sql', `UPDATE account SET "updatedAt" = now() WHERE owner = 'ada'`),
      together.command('caught', 'SELECT unseen() AS told'),
    ];

    const outcomes = (await together.state.apply(commands)).map(valueOf);
    const others = [];
    for (const command of commands) others.push(...(await single.state.apply([command])).map(valueOf));

    expect(outcomes.slice(2)).toEqual(others.slice(2));
    const read = together.command('sql', 'SELECT unseen() AS told');
    const told = (await together.state.apply([together.command('sql', 'SELECT now()'), read])).map(valueOf)[1];
    expect(told).toEqual(valueOf((await single.state.apply([read]))[0]!));
    for (const tables of [together, single]) await tables.stop();
  });
});

function call(machine: string, name: string, ...args: unknown[]): Uint8Array {
  return encodeCommand({ machine, command: name, args });
}

function command(number: number): Uint8Array {
  const [one, other] = [`k${number % 5}`, `k${(number * 3 + 1) % 5}`];
  const calls = [
    call('bank', 'open', one, 100),
    call('notes', 'put', one),
    call('bank', 'transfer', one, other, number % 90),
    call('bank', 'open', other, 50),
    call('bank', 'transfer', other, one, 7),
    call('notes', 'put', other),
    call('bank', 'sql', `UPDATE account SET rate = random(), "updatedAt" = now() WHERE owner = $1`, [one]),
    call('bank', 'transfer', one, other, 80),
  ];
  return calls[(number * 5) % calls.length]!;
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString('latin1');
}
