import type { CommandOutcome } from '../contract';

/** The outcomes of a command that was run. */
export type RunOutcome = Extract<CommandOutcome, { status: 'applied' | 'rejected' | 'failed' }>;
