import { eventually } from '../eventually';
import type { KvCluster } from './kv-cluster';
import type { KvNode } from './kv-node';

export interface Membership {
  readonly changing: boolean;
  readonly members: readonly { readonly id: number; readonly name: string; readonly role: string }[];
}

/** Waits until these, and nobody else, are the members, all of them voters, as `node` says. */
export function untilVotersAre(
  cluster: KvCluster,
  node: KvNode,
  names: readonly string[],
  withinMs = 60_000,
): Promise<Membership> {
  return eventually(
    `the voters ${names.join(', ')}`,
    async () => {
      const answer = await cluster.send('/_raft/members', { node });
      const membership = JSON.parse(answer.body) as Membership;
      const found = membership.members.map(({ name, role }) => `${name} ${role}`);
      const wanted = names.map((name) => `${name} voter`);
      const same = found.length === wanted.length && wanted.every((each) => found.includes(each));
      return same && !membership.changing ? membership : undefined;
    },
    { withinMs, describe: () => cluster.describe() },
  );
}
