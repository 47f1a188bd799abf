import type { Type } from '@nestjs/common';
import type { ProposeOptions, QueryOptions } from '../../runtime/base/call-options';
import { createReplicated } from '../../state-machine/calls/create-replicated';
import { checkByClass } from './class-check';
import type { CallHost } from './call-host.interface';

/** @param host asked at each call: modules are made in any order, and the node starts after them */
export function callerOf(machine: Type<object>, host: () => Pick<CallHost, 'node'>): object {
  const client = {
    propose: (command: Uint8Array, options: ProposeOptions) => host().node().propose(command, options),
    query: (query: Uint8Array, options: QueryOptions) => host().node().query(query, options),
  };
  return createReplicated(machine, client, checkByClass);
}
