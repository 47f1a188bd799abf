import { RaftStateMachine } from '../../../state-machine/declare/decorators';
import { LeaseMachine } from '../lease/lease-machine';

/** The locks of a group: leases with one permit. The root module registers it. */
@RaftStateMachine('raft.locks')
export class LockMachine extends LeaseMachine {}
