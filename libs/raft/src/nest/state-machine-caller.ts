import type { Type } from '@nestjs/common';
import { createReplicated } from '../state-machine/create-replicated';
import type { RaftNodeHost } from './raft-node-host';

/** @param host asked at each call: modules are made in any order, and the node starts after them */
export function callerOf(machine: Type<object>, host: () => RaftNodeHost): object {
  return createReplicated(machine, {
    propose: (command, options) => host().node().propose(command, options),
    query: (query, options) => host().node().query(query, options),
  });
}
