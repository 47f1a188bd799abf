import type { Configuration } from '../../core/base/configuration';
import { isVoter } from '../../core/membership/membership';
import type { ReplicaId } from '../../core/base/types';
import type { CommandFates, FatesElsewhere, ReplicatedStateMachine } from '../../state-machine/contract';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import { decodeFates, decodeFatesQuestion, encodeFates, encodeFatesQuestion, FATES } from './fates-calls';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';

const SCHEMAS = 'schemas';
const ASK_EVERY_MS = 1000;

export interface TableSchemasPorts {
  readonly replicaId: ReplicaId;
  readonly machine: ReplicatedStateMachine;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly callTimeoutMs: number;
  readonly configuration: () => Configuration;
}

/** Machine → hash of the schema of its tables. */
type Schemas = ReadonlyMap<string, string>;

/**
 * Which schema the databases of the voters have, for machines whose state is in tables: a leader writes into each of their commands
 * the one that all voters have, as far as they said. Every node asks, so that the next leader knows at once. A voter that has said
 * nothing yet is taken to have the leader's: what it makes of a command is settled by asking ({@link FatesElsewhere}), not by this.
 */
export class TableSchemas {
  private readonly voters = new Map<ReplicaId, Schemas>();
  private readonly asking = new Set<ReplicaId>();
  private nextMs = 0;

  constructor(private readonly ports: TableSchemasPorts) {
    ports.machine.askOthers?.((machine, indexes) => this.fatesElsewhere(machine, indexes));
  }

  serve(): void {
    const { calls, machine } = this.ports;
    calls.serve(SCHEMAS, () => Promise.resolve(encodeValue(machine.schemaHashes?.() ?? new Map<string, string>())));
    calls.serve(FATES, async (body) => {
      const asked = decodeFatesQuestion(body);
      if (machine.fatesOf === undefined) throw new Error('There are no replicated tables here');
      return encodeFates(await machine.fatesOf(asked.machine, asked.indexes));
    });
  }

  tick(nowMs: number): void {
    if (nowMs < this.nextMs || (this.ports.machine.schemaHashes?.().size ?? 0) === 0) return;
    this.nextMs = nowMs + ASK_EVERY_MS;
    const configuration = this.ports.configuration();
    for (const id of this.voters.keys()) if (!isVoter(configuration, id)) this.voters.delete(id);
    for (const { id } of this.others()) if (isVoter(configuration, id)) void this.ask(id);
  }

  /** @returns the schema to write into a command; undefined where it has none, or a voter is known to have another */
  stampFor(command: Uint8Array): string | undefined {
    const { machine } = this.ports;
    const call = machine.nameOf?.(command);
    const name = call?.slice(0, call.lastIndexOf('.'));
    const own = name === undefined ? undefined : machine.schemaHashes?.().get(name);
    if (own === undefined) return undefined;
    const isAlike = (schemas: Schemas): boolean => (schemas.get(name!) ?? own) === own;
    return [...this.voters.values()].every(isAlike) ? own : undefined;
  }

  private others(): Configuration['members'] {
    return this.ports.configuration().members.filter(({ id }) => id !== this.ports.replicaId);
  }

  private async ask(id: ReplicaId): Promise<void> {
    if (this.asking.has(id)) return;
    this.asking.add(id);
    try {
      const schemas = decodeValue(await this.call(id, SCHEMAS, new Uint8Array(0)));
      if (schemas instanceof Map) this.voters.set(id, schemas as Schemas);
    } catch {
      // It is asked again.
    } finally {
      this.asking.delete(id);
    }
  }

  private async fatesElsewhere(machine: string, indexes: readonly number[]): Promise<FatesElsewhere> {
    const answers = new Map<string, CommandFates>();
    const silent: string[] = [];
    const body = encodeFatesQuestion({ machine, indexes });
    await Promise.all(
      this.others().map(async ({ id, name }) => {
        try {
          answers.set(name, decodeFates(await this.call(id, FATES, body)));
        } catch {
          silent.push(name);
        }
      }),
    );
    return { answers, silent };
  }

  private async call(id: ReplicaId, method: string, body: Uint8Array): Promise<Uint8Array> {
    const { links, calls, callTimeoutMs } = this.ports;
    const route = links.routeTo(id);
    if (route === undefined) throw new Error('it is not connected');
    return calls.call(route.address, method, body, callTimeoutMs);
  }
}
