import type { DecodedCommand } from '../entries/command-envelope';
import { failed, outcomeOfThrown, resultUnsent } from '../sessions/command-failure';
import { CommandAbortedError } from './host-errors';
import { describeError, isThenable, stackOf } from './host-outcomes';
import type { HostedMachine } from './hosted-machine';
import type { HostCommandContext } from './machine-context';
import { isOfThisProcess } from './process-error';
import type { RunOutcome } from '../entries/run-outcome';
import { encodeValue } from '../codec/value-codec';

/** Where the bugs of state machines are told. Nest's `Logger` fits. @publicApi */
export interface StateMachineLogger {
  warn(message: string): void;
  error(message: string): void;
}

const APPLIED: RunOutcome = Object.freeze({ status: 'applied', value: undefined });

/** Runs one command of a machine, and makes an outcome of whatever becomes of it. */
export class CommandRunner {
  constructor(private readonly logger: StateMachineLogger | undefined) {}

  run(
    machine: HostedMachine,
    { command, args }: DecodedCommand,
    context: HostCommandContext,
    wanted: (index: number) => boolean,
  ): RunOutcome {
    const { index } = context;
    const method = `${machine.name}.${command}`;
    let result: unknown;
    let promised: PromiseLike<unknown> | undefined;
    try {
      result = machine.call(command, context, args);
      promised = isThenable(result) ? result : undefined;
    } catch (error) {
      if (isOfThisProcess(error)) throw new CommandAbortedError(index, method, error);
      return this.outcomeMessage(outcomeOfThrown(error, method), index, error);
    }
    if (promised !== undefined) {
      Promise.resolve(promised).catch(() => undefined);
      return this.outcomeMessage(
        failed(`${method} returned a Promise: a command ends before the next one begins.`),
        index,
      );
    }
    if (!wanted(index)) return APPLIED;
    return this.encodeResult(result, method, index);
  }

  /** At once: the result may be a part of the state, which the next command changes. */
  private encodeResult(result: unknown, method: string, index: number): RunOutcome {
    try {
      return { status: 'applied', value: encodeValue(result, 'result') };
    } catch (error) {
      if (isOfThisProcess(error)) throw new CommandAbortedError(index, method, error);
      return this.outcomeMessage(resultUnsent(method, describeError(error)), index, error);
    }
  }

  /** A refusal is nothing to tell; a failure is a bug. */
  private outcomeMessage(outcome: RunOutcome, index: number, error?: unknown): RunOutcome {
    if (outcome.status === 'failed') this.logger?.error(`At index ${index}: ${outcome.message}${stackOf(error)}`);
    return outcome;
  }
}
