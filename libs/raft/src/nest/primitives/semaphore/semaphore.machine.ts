import { RaftStateMachine } from '../../../state-machine/declare/decorators';
import { LeaseMachine } from '../lease/lease-machine';

/** The semaphores of a group, each by its name. */
@RaftStateMachine('raft.semaphores')
export class SemaphoreMachine extends LeaseMachine {}
