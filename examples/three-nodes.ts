import { memoryStorage, type RaftModuleOptions } from 'nestjs-raft';

/** `node main.js NODE [PORT]`: which of the three this process is, and the first of their HTTP ports. */
const [node = '1', firstPort = '3001'] = process.argv.slice(2).filter((each) => /^\d+$/.test(each));

/** Whether this process is one of the three, or an application beside them. */
export const isNode = Number(node) <= 3;

/** Where this node's HTTP is. Peers are ten ports further on, other servers of an example twenty. */
export const httpPort = portOf(Number(node));

/** Three nodes on this machine whose logs are in memory: one that ends has forgotten everything, and isn't taken back. */
export const threeNodes = {
  nodeId: `n${node}`,
  members: [1, 2, 3].map((each) => ({
    id: `n${each}`,
    peer: `127.0.0.1:${portOf(each) + 10}`,
    http: `http://127.0.0.1:${portOf(each)}`,
  })),
  storage: memoryStorage(),
} satisfies RaftModuleOptions;

export function portOf(each: number): number {
  return Number(firstPort) + each - 1;
}
