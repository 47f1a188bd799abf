import { readCommandName } from '../entries/command-envelope';
import { describeError } from './host-outcomes';
import type { HostedMachine } from './hosted-machine';

/** What can be run on this node: looked at before a command gets into the log. */
export class MachineCatalog {
  constructor(private readonly machines: ReadonlyMap<string, HostedMachine>) {}

  /** @returns why the command can't be run, in a sentence; undefined where it can */
  refusalOf(command: Uint8Array): string | undefined {
    let call: ReturnType<typeof readCommandName>;
    try {
      call = readCommandName(command);
    } catch (error) {
      return describeError(error);
    }
    const machine = this.machines.get(call.machine);
    if (machine === undefined) return `There is no state machine '${call.machine}' on the leader.`;
    if (!machine.hasCommand(call.command)) return `There is no command ${call.machine}.${call.command} on the leader.`;
    return undefined;
  }

  /** @returns the commands, as `machine.command`, with the newest version of their arguments */
  commands(): ReadonlyMap<string, number> {
    const versions = new Map<string, number>();
    for (const machine of this.machines.values())
      for (const [command, version] of machine.commandVersions()) versions.set(`${machine.name}.${command}`, version);
    return versions;
  }

  nameOf(command: Uint8Array): string | undefined {
    try {
      const call = readCommandName(command);
      return `${call.machine}.${call.command}`;
    } catch {
      return undefined;
    }
  }
}
