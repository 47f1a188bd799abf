import { RaftError } from '../../errors/raft-error';
import { nodeOptionsOf } from '../../nest/node/raft-node.factory';
import type { NodeParts } from '../../nest/node/hosted-node.interface';
import { RaftNode } from '../../runtime/node/raft-node';
import type { RaftStatus } from '../../runtime/status/status';
import { memoryStorage } from '../../storage/memory';
import { IdleScheduler } from './idle-scheduler';

/** A node alone, which leads once it has started. */
class LeadingNode extends RaftNode {
  override async start(): Promise<void> {
    await super.start();
    await new Promise<void>((resolve, reject) => {
      const look = (status: RaftStatus): void => {
        if (status.isLeader) resolve();
        else if (status.phase !== 'running') reject(notLeading(status));
      };
      this.onStatus(look);
      look(this.status());
    });
  }
}

/** Makes the node of an application under test, in memory whatever its options say. */
export function createLeadingNode(parts: NodeParts): RaftNode {
  return new LeadingNode(
    nodeOptionsOf({ ...parts, storage: memoryStorage(), transport: undefined }, new IdleScheduler()),
  );
}

function notLeading({ nodeId, phase, reason }: RaftStatus): RaftError {
  return new RaftError(
    'RAFT_NO_LEADER',
    `The node ${nodeId} of the test is ${phase} and doesn't lead${reason === '' ? '' : `: ${reason}`}.`,
  );
}
