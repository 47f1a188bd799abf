import { setTimeout as sleep } from 'node:timers/promises';
import { isLongForm } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';
import { NoAnswerError } from '../support/http-client';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';
import type { Membership } from '../support/kv/members';
import { SteadyLoad } from '../support/load/steady-load';
import { figure } from '../support/test-run';
import { NONE_BROKEN } from '../support/load/write-load';

const WALK_MS = isLongForm ? 30 * 60_000 : 20_000;
const LEAST_VOTERS = 3;
const MOST_NODES = 5;
/** A change that nothing is in the way of ends within this time, on a busy machine. */
const SETTLES_WITHIN_MS = 120_000;

type Step = 'joinAndDie' | 'wrongAddress' | 'join' | 'remove' | 'replace' | 'elsewhere';
const STEPS: readonly Step[] = ['joinAndDie', 'wrongAddress', 'join', 'remove', 'replace', 'elsewhere'];

const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)]!;

/** Members that come, go, die half-way and change their address, while somebody cancels one change or another. */
class MembershipWalk {
  readonly counts = new Map<string, number>();
  private serial = 0;

  constructor(readonly cluster: KvCluster) {}

  async step(): Promise<void> {
    const voters = await this.voters();
    const step = pick(STEPS);
    const follower = pick(await this.followers());
    const isFull = this.cluster.running.length >= MOST_NODES;
    // Of three voters one may be away, and none may go.
    if (isFull && (step === 'join' || step === 'joinAndDie')) return;
    if (voters.length <= LEAST_VOTERS && step === 'remove') return;
    this.count(step);
    const cancels = this.cancelSoon();
    switch (step) {
      case 'joinAndDie': {
        const node = await this.cluster.join(this.nextName(), pick(voters));
        await sleep(Math.random() * 2500);
        await this.discard(node);
        break;
      }
      case 'wrongAddress':
        await this.joinAtWrongAddress(pick(voters));
        break;
      case 'join':
        await this.cluster.join(this.nextName(), pick(voters));
        await sleep(500);
        break;
      case 'remove':
        await this.ask('DELETE', `/_raft/members/${follower.id}`);
        break;
      case 'replace':
        await this.discard(follower);
        await this.cluster.join(follower.id, pick(voters.filter((node) => node !== follower)));
        break;
      case 'elsewhere':
        await follower.kill();
        this.forget(follower);
        await this.cluster.join(follower.id, pick(voters.filter((node) => node !== follower)));
        break;
    }
    await cancels;
  }

  /**
   * As an operator would: what is under way and waits for somebody who is gone is cancelled, names at which nobody
   * runs are removed, nodes that are no members any more are ended, and there are three voters at least.
   */
  async settle(): Promise<void> {
    await eventually('a membership that is at rest', () => this.tend(), {
      withinMs: SETTLES_WITHIN_MS,
      describe: () => this.cluster.describe(),
    });
  }

  private async tend(): Promise<true | undefined> {
    for (const node of this.cluster.nodes.filter((each) => !each.running)) await this.discard(node);
    const membership = await this.membership();
    if (membership === undefined) return undefined;
    const names = this.cluster.running.map(({ id }) => id);
    const gone = membership.members.find(({ name }) => !names.includes(name));
    if (membership.changing) {
      if (gone !== undefined) await this.ask('DELETE', pick(['/_raft/change', `/_raft/members/${gone.name}`]));
      else await sleep(200);
      return undefined;
    }
    if (gone !== undefined) {
      await this.ask('DELETE', `/_raft/members/${gone.name}`);
      return undefined;
    }
    const learner = membership.members.find(({ role }) => role === 'learner');
    if (learner !== undefined) {
      await this.ask('POST', `/_raft/members/${learner.name}/promote`);
      return undefined;
    }
    // A name says nothing of who has it now: a node that lost its disk has to be a member as the replica that it is.
    for (const node of this.cluster.running) {
      const status = await node.status();
      const isMember = membership.members.some(({ id, role }) => id === status?.replicaId && role === 'voter');
      if (status?.phase === 'removed') await this.discard(node);
      if (status?.phase !== 'running' || !isMember) return undefined;
    }
    const replicas = new Set(membership.members.map(({ name }) => name));
    if (replicas.size < membership.members.length) return undefined;
    if (membership.members.length >= LEAST_VOTERS) return true;
    await this.cluster.join(this.nextName(), pick(await this.voters()));
    return undefined;
  }

  async voters(): Promise<readonly KvNode[]> {
    const members = (await this.membership())?.members ?? [];
    const found = this.cluster.running.filter(({ id }) =>
      members.some(({ name, role }) => name === id && role === 'voter'),
    );
    return found.length > 0 ? found : this.cluster.running;
  }

  private async followers(): Promise<readonly KvNode[]> {
    const leader = await this.cluster.leader();
    return (await this.voters()).filter((node) => node !== leader);
  }

  private async membership(): Promise<Membership | undefined> {
    const leader = await this.cluster.leader();
    const answer = await this.cluster.send('/_raft/members', { node: leader }).catch(() => undefined);
    return answer?.status === 200 ? (JSON.parse(answer.body) as Membership) : undefined;
  }

  /** Whatever it answers: it is refused, or comes to its end, or is cancelled by the other. */
  private async ask(method: 'DELETE' | 'POST', path: string): Promise<void> {
    const node = pick(await this.voters());
    try {
      const { status, body } = await this.cluster.send(path, { node, method, timeoutMs: 20_000 });
      const { code = '', reason = '' } = status === 200 ? {} : (JSON.parse(body) as { code?: string; reason?: string });
      const outcome = [String(status), code, reason].filter((part) => part !== '').join(' ');
      this.count(`${path.startsWith('/_raft/change') ? 'cancel' : method}: ${outcome}`);
      expect(['RAFT_FATAL', 'INTERNAL']).not.toContain(code);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      this.count('no answer');
    }
  }

  private async cancelSoon(): Promise<void> {
    if (Math.random() < 0.4) return;
    await sleep(pick([0, 5, 30, 200, 1000, 2500]));
    await this.ask('DELETE', '/_raft/change');
  }

  /** It gives an address at which nobody listens. */
  private async joinAtWrongAddress(through: KvNode): Promise<void> {
    const [httpPort, peerPort] = (await freePorts(2)) as [number, number];
    const name = this.nextName();
    const node = await this.cluster.join(name, through, ['--advertise-url', `127.0.0.1:${httpPort}/${peerPort}`]);
    await sleep(1500 + Math.random() * 1500);
    const found = (await this.membership())?.members.map((member) => member.name) ?? [];
    expect(found).not.toContain(name);
    await this.discard(node);
  }

  private async discard(node: KvNode): Promise<void> {
    await node.wipe();
    this.forget(node);
  }

  private forget(node: KvNode): void {
    const { nodes } = this.cluster;
    const at = nodes.indexOf(node);
    if (at >= 0) nodes.splice(at, 1);
  }

  private nextName(): string {
    return `m${++this.serial}`;
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

describe('a membership that is changed at random, under load', () => {
  let cluster: KvCluster;
  let load: SteadyLoad | undefined;
  beforeAll(async () => {
    // In the short form each lost process is a lost disk, too: no databases are made.
    const storage = isLongForm ? 'embedded' : 'memory';
    cluster = await KvCluster.start({ nodes: 3, storage, flags: ['--snapshot-entries', '500'] });
  }, 300_000);
  afterAll(async () => {
    await load?.stop();
    await cluster?.stop();
  });

  it(
    'can be changed afterwards, and loses no acknowledged write',
    async () => {
      const walk = new MembershipWalk(cluster);
      let members: readonly KvNode[] = cluster.running;
      const writes = SteadyLoad.start(cluster, {
        prefix: '/walk',
        clients: 4,
        everyMs: isLongForm ? 50 : 20,
        nodes: () => members.filter((node) => node.running),
      });
      load = writes;
      const untilMs = Date.now() + WALK_MS;
      while (Date.now() < untilMs) {
        await walk.step();
        await walk.settle();
        members = await walk.voters();
      }
      const before = writes.writes;
      await writes.more(50);
      await writes.stop();
      for (const [what, times] of [...walk.counts].toSorted(([left], [right]) => left.localeCompare(right)))
        figure(`membership walk: ${what}`, String(times));
      figure('membership walk: acknowledged writes', String(writes.writes));
      expect(writes.writes).toBeGreaterThan(before);

      // Another comes, and one goes.
      const added = await cluster.join('last', pick(await walk.voters()));
      await walk.settle();
      expect((await walk.voters()).map(({ id }) => id)).toContain(added.id);
      const [leaving] = (await walk.voters()).filter((node) => node !== added);
      const leader = await cluster.leader();
      const gone = leaving === leader ? added : leaving!;
      const answer = await cluster.send(`/_raft/members/${gone.id}`, {
        node: leader,
        method: 'DELETE',
        timeoutMs: 60_000,
      });
      expect([answer.status, answer.body.slice(0, 200)]).toEqual([200, expect.any(String)]);
      expect(await writes.brokenPromises()).toEqual(NONE_BROKEN);
    },
    WALK_MS + 600_000,
  );
});
