import type { StateMachineHost } from '../../libs/raft/src/state-machine';
import { encodeCommand } from '../../libs/raft/src/state-machine/entries/command-envelope';
import { addressOf } from '../../libs/raft/src/testing/cluster/virtual-hosts';
import { VirtualCluster, type VirtualNode } from '../runtime/virtual-cluster';
import { contentOf, hostOn } from './group-subject';

/** Nodes whose machines are partly in databases, under their real runtime. */
class GroupCluster extends VirtualCluster {
  readonly machines = new Map<string, StateMachineHost>();

  async found(): Promise<VirtualNode> {
    const nodes = this.founders.map(({ id }) => this.make(id, { stateMachine: this.hostOf(id) }));
    await this.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    return this.leaderKnown();
  }

  hostOf(name: string, pause?: () => Promise<void>): StateMachineHost {
    const host = hostOn(undefined, { pause });
    this.machines.set(name, host);
    return host;
  }

  content(name: string): Promise<string> {
    return contentOf(this.machines.get(name)!);
  }
}

function put(key: string, session?: { clientId: string; sequence: number }): Uint8Array {
  const call = { machine: 'ledger', command: 'put', args: [key] };
  return encodeCommand(session === undefined ? call : { ...call, session: { ...session, ackedThrough: 0 } });
}

describe('rule 26: a node that joins', () => {
  let cluster: GroupCluster;
  let leader: VirtualNode;

  beforeEach(async () => {
    cluster = new GroupCluster(3);
    leader = await cluster.found();
  });
  afterEach(() => cluster.stopAll());

  it('gets a command of a database and the end of its session in one slice, and is like the others', async () => {
    const session = await cluster.ends(leader.raft.openSession({ ttlMs: 1000 }));
    session.detach();
    await cluster.ends(leader.raft.propose(put('a', { clientId: session.id, sequence: 1 })));
    await cluster.pass(2500);
    await cluster.ends(leader.raft.propose(put('b')));

    await cluster.join('n4', leader.name, { stateMachine: cluster.hostOf('n4') });

    const isVoter = (): boolean =>
      leader.raft.status().members.some(({ name, role }) => name === 'n4' && role === 'voter');
    await cluster.until(isVoter);
    const { lastIndex } = leader.raft.status();
    await cluster.until(() => [...cluster.nodes.values()].every(({ raft }) => raft.status().appliedIndex >= lastIndex));
    const contents = await Promise.all([...cluster.nodes.keys()].map((name) => cluster.content(name)));
    expect(new Set(contents).size).toBe(1);
  });

  it('gets no vote while its state machine has applied nothing, though its log is level', async () => {
    await cluster.ends(leader.raft.propose(put('a')));
    let go!: () => void;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const fourth = cluster.make('n4', {
      founders: [{ id: 'n4', peer: addressOf('n4') }],
      join: [addressOf(leader.name)],
      stateMachine: cluster.hostOf('n4', () => gate),
    });
    const starting = fourth.raft.start();
    await cluster.pass(8000);

    const member = leader.raft.status().members.find(({ name }) => name === 'n4')!;
    expect(member).toMatchObject({ role: 'learner', caughtUp: false, matchIndex: leader.raft.status().lastIndex });
    expect(member.appliedIndex).toBeLessThan(member.matchIndex!);

    go();
    await cluster.ends(starting);
    await cluster.until(() => leader.raft.status().members.every(({ role }) => role === 'voter'));
  });
});
