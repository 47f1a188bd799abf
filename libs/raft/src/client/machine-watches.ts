import type { RaftError } from '../errors/raft-error';
import type { GroupId } from '../core/base/types';
import type { CallIds } from '../runtime/peers/call-ids';
import { CLIENT_UNWATCH, CLIENT_WATCH, decodeMachineEvent, encodeMachineName } from '../runtime/clients/client-calls';
import { errorMessage } from '../runtime/base/error-message';
import type { RaftLogger } from '../runtime/base/logger';
import { decodeError } from '../runtime/base/error-codec';
import type { RaftMachineEvent } from '../state-machine/entries/machine-change';
import type { RequestMessage, ResponseMessage } from '../transport/contract';

export interface WatchListener {
  event(event: RaftMachineEvent): void;
  /** The node can't tell it. */
  failed(error: RaftError): void;
}

interface Watch {
  readonly machine: string;
  readonly listeners: Set<WatchListener>;
  /** The call of the node that tells it now. */
  id: number;
  /** The last index that was told. */
  toldThrough: number;
  /** What was told before this node told: it isn't told again. */
  toldBefore: number;
}

export interface MachineWatchesPorts {
  readonly groupId: GroupId;
  readonly ids: CallIds;
  readonly logger: RaftLogger;
  /** The node that tells; undefined while there is none. */
  home(): string | undefined;
  send(address: string, request: RequestMessage): boolean;
  /** Calls the task once, after so many milliseconds. */
  later(delayMs: number, task: () => void): void;
}

/** Which machines this client watches. One node tells; where another takes over, watchers hear that something may be missing. */
export class MachineWatches {
  private readonly byMachine = new Map<string, Watch>();
  private toldBy: string | undefined;

  constructor(private readonly ports: MachineWatchesPorts) {}

  /** The highest index that was told: what is read here must not be older. */
  get toldThrough(): number {
    return Math.max(0, ...[...this.byMachine.values()].map(({ toldThrough }) => toldThrough));
  }

  /** @returns a function that ends it */
  add(machine: string, listener: WatchListener): () => void {
    let watch = this.byMachine.get(machine);
    if (watch === undefined) {
      watch = { machine, listeners: new Set(), id: 0, toldThrough: 0, toldBefore: 0 };
      this.byMachine.set(machine, watch);
      if (this.toldBy !== undefined) this.ask(this.toldBy, watch);
    }
    const { listeners } = watch;
    listeners.add(listener);
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.end(machine);
    };
  }

  /** The node that tells may be another one, or connected again. */
  settle(): void {
    const home = this.ports.home();
    if (home === this.toldBy) return;
    const { toldBy } = this;
    this.toldBy = home;
    for (const watch of this.byMachine.values()) {
      if (toldBy !== undefined) this.call(toldBy, this.ports.ids.next(), CLIENT_UNWATCH, watch.machine);
      if (home !== undefined) this.ask(home, watch);
    }
  }

  connectionLost(address: string): void {
    if (this.toldBy === address) this.toldBy = undefined;
  }

  /** @returns false where the response is to no watch */
  answered(response: ResponseMessage): boolean {
    for (const watch of this.byMachine.values())
      if (watch.id === response.id) {
        this.emit(watch, response);
        return true;
      }
    return false;
  }

  private emit(watch: Watch, { ok, body }: ResponseMessage): void {
    if (!ok) {
      const error = decodeError(body);
      if (error !== undefined) this.failed(watch, error);
      return;
    }
    const event = decodeMachineEvent(body);
    // A node that is behind the one before tells again what was told.
    if (event.kind === 'change' && event.index <= watch.toldBefore) return;
    watch.toldThrough = Math.max(watch.toldThrough, event.index);
    this.each(watch, (listener) => listener.event(event));
  }

  /** A node that was read too slowly has cut the watch: it is asked again, and says that something may be missing. */
  private failed(watch: Watch, error: RaftError): void {
    const { id } = watch;
    if (error.retryAfterMs === undefined) return this.each(watch, (listener) => listener.failed(error));
    this.ports.later(error.retryAfterMs, () => {
      const isStillMeant = this.byMachine.get(watch.machine) === watch && watch.id === id;
      if (isStillMeant && this.toldBy !== undefined) this.ask(this.toldBy, watch);
    });
  }

  private each(watch: Watch, call: (listener: WatchListener) => void): void {
    for (const listener of [...watch.listeners])
      try {
        call(listener);
      } catch (error) {
        this.ports.logger.error(`A watcher of '${watch.machine}' threw: ${errorMessage(error)}`);
      }
  }

  private ask(address: string, watch: Watch): void {
    watch.id = this.ports.ids.next();
    watch.toldBefore = watch.toldThrough;
    this.call(address, watch.id, CLIENT_WATCH, watch.machine);
  }

  private end(machine: string): void {
    this.byMachine.delete(machine);
    if (this.toldBy !== undefined) this.call(this.toldBy, this.ports.ids.next(), CLIENT_UNWATCH, machine);
  }

  private call(address: string, id: number, method: string, machine: string): void {
    const { groupId } = this.ports;
    const body = encodeMachineName(machine);
    this.ports.send(address, { kind: 'request', groupId, id, method, timeoutMs: 0, body });
  }
}
