import type { ReplicaId } from '../../core/base/types';
import type { Configuration } from '../../core/base/configuration';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';

const COMMANDS = 'commands';
const ASK_EVERY_MS = 1000;

export interface KnownCommandsPorts {
  readonly replicaId: ReplicaId;
  readonly machine: ReplicatedStateMachine;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly callTimeoutMs: number;
  readonly isLeading: () => boolean;
  readonly configuration: () => Configuration;
}

/** What one life of a member can run. */
interface Known {
  readonly bootNonce: string;
  readonly versions: ReadonlyMap<string, number>;
}

/**
 * Which commands every member can run, this one included, as far as they said: in a rolling upgrade a leader of the new version must not put
 * commands into the log at which members of the old one would stop. A member that wasn't there since this node leads is taken
 * to know what the leader knows; if it doesn't, it stops at such an entry and says so.
 */
export class KnownCommands {
  private readonly members = new Map<ReplicaId, Known>();
  private readonly asking = new Set<ReplicaId>();
  /** What this node's build can run. */
  private own: ReadonlyMap<string, number> | undefined;
  private nextMs = 0;

  constructor(private readonly ports: KnownCommandsPorts) {}

  serve(): void {
    const { calls, machine } = this.ports;
    calls.serve(COMMANDS, () => Promise.resolve(encodeValue(machine.commands?.() ?? new Map<string, number>())));
  }

  tick(nowMs: number): void {
    if (this.ports.machine.commands === undefined || !this.ports.isLeading() || nowMs < this.nextMs) return;
    this.nextMs = nowMs + ASK_EVERY_MS;
    const { members } = this.ports.configuration();
    for (const id of this.members.keys()) if (!members.some((member) => member.id === id)) this.members.delete(id);
    for (const { id } of members) if (id !== this.ports.replicaId) void this.ask(id);
  }

  /** @returns why a command can't be proposed yet, in a sentence; undefined where every member knows it */
  refusalOf(command: Uint8Array, schemaVersion: number): string | undefined {
    const name = this.ports.machine.nameOf?.(command);
    if (name === undefined) return undefined;
    this.own ??= this.ports.machine.commands?.();
    const own = this.own?.get(name);
    // A newer client or follower wrote it: committed, it would stop this node at once, and for good.
    if (own !== undefined && own < schemaVersion)
      return `The command ${name} is known to the leader in version ${own} only, and was called in version ${schemaVersion}.`;
    for (const [id, { versions }] of this.members) {
      const known = versions.get(name);
      if (known !== undefined && known >= schemaVersion) continue;
      const member = this.ports.configuration().members.find((each) => each.id === id)?.name ?? String(id);
      return known === undefined
        ? `The command ${name} isn't known to '${member}' yet, which runs another version of the application.`
        : `The command ${name} is known to '${member}' in version ${known} only, and was called in version ${schemaVersion}.`;
    }
    return undefined;
  }

  private async ask(id: ReplicaId): Promise<void> {
    const { links, calls, callTimeoutMs } = this.ports;
    const route = links.routeTo(id);
    if (route === undefined || this.asking.has(id) || this.members.get(id)?.bootNonce === route.bootNonce) return;
    this.asking.add(id);
    try {
      const versions = decodeValue(await calls.call(route.address, COMMANDS, new Uint8Array(0), callTimeoutMs));
      if (versions instanceof Map)
        this.members.set(id, { bootNonce: route.bootNonce, versions: versions as ReadonlyMap<string, number> });
    } catch {
      // It is asked again.
    } finally {
      this.asking.delete(id);
    }
  }
}
