import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import type { RaftMachineEvent } from '../../state-machine/entries/machine-change';
import type { ClientChannel } from '../../transport/contract';
import { encodeMachineEvent } from './client-calls';
import { errorMessage } from '../base/error-message';
import type { RaftLogger } from '../base/logger';
import { encodeError } from '../base/error-codec';
import type { Scheduler } from '../base/scheduler';

/** How many machines one client may watch. */
export const MOST_WATCHES = 256;

/** @internal */
export const WATCH_BOUNDS = {
  /** Events that wait for clients, once for all of them, and their bytes. */
  mostEvents: 10_000,
  mostBytes: 16 * 1024 * 1024,
  /** A client whose connection holds more gets no further event yet. */
  mostUnsentBytes: 256 * 1024,
  /** What the connections of all watching clients may hold together before those that take nothing are hung up on. */
  mostUnsentBytesOfAll: 64 * 1024 * 1024,
};
/** Connections don't say when they take more: so often they are looked at. */
const LOOK_EVERY_MS = 20;
/** Looks at a connection that takes nothing before it is hung up on, where memory is short or it is to be told that it was cut. */
const MOST_VAIN_LOOKS = 100;
const RETRY_CUT_AFTER_MS = 200;

interface WaitingEvent {
  readonly machine: string;
  readonly body: Uint8Array;
}

interface Watcher {
  /** The call that watches a machine, by the machine's name, and the first event that is for it. */
  readonly calls: Map<string, { readonly id: number; readonly from: number }>;
  /** The sequence of the event that comes next. */
  position: number;
  /** Calls that were cut, and have to hear it. */
  cut: number[];
  unsentBytes: number;
  vainLooks: number;
}

export interface ClientWatchesPorts {
  readonly groupId: GroupId;
  readonly logger: RaftLogger;
  readonly scheduler: Pick<Scheduler, 'setTimer' | 'clearTimer'>;
  readonly bounds?: typeof WATCH_BOUNDS;
}

/**
 * What state machines tell, for all clients that watch them. It is encoded once, while the node applies, and waits once for all
 * clients in a bounded window; it is sent to each later, as its connection takes it. A client that falls out of the window has its
 * watches cut with `RAFT_BUSY`: it asks again, and hears that something may be missing.
 */
export class ClientWatches {
  private readonly watchers = new Map<ClientChannel, Watcher>();
  private readonly bounds: typeof WATCH_BOUNDS;
  private events: WaitingEvent[] = [];
  private bytes = 0;
  private next = 0;
  private timer: object | undefined;

  constructor(private readonly ports: ClientWatchesPorts) {
    this.bounds = ports.bounds ?? WATCH_BOUNDS;
  }

  /** @throws RaftError `RAFT_BUSY` where this client watches so many machines already */
  add(channel: ClientChannel, machine: string, id: number): void {
    let watcher = this.watchers.get(channel);
    if (watcher === undefined) {
      watcher = { calls: new Map(), position: this.next, cut: [], unsentBytes: 0, vainLooks: 0 };
      this.watchers.set(channel, watcher);
    }
    if (watcher.calls.size >= MOST_WATCHES && !watcher.calls.has(machine)) throw tooManyWatches();
    watcher.calls.set(machine, { id, from: this.next });
  }

  remove(channel: ClientChannel, machine: string): void {
    const watcher = this.watchers.get(channel);
    watcher?.calls.delete(machine);
    if (watcher !== undefined && watcher.calls.size === 0 && watcher.cut.length === 0) this.ended(channel);
  }

  ended(channel: ClientChannel): void {
    this.watchers.delete(channel);
    if (this.watchers.size > 0) return;
    this.events = [];
    this.bytes = 0;
    if (this.timer !== undefined) this.ports.scheduler.clearTimer(this.timer);
    this.timer = undefined;
  }

  /** Called while the node applies: it sends nothing, and throws nothing. */
  onMessage(machine: string, event: RaftMachineEvent): void {
    if (!this.isWatched(machine)) return;
    const body = this.encoded(machine, event);
    this.events.push({ machine, body });
    this.bytes += body.length;
    this.next++;
    this.dropOldest();
    this.lookIn(0);
  }

  private get first(): number {
    return this.next - this.events.length;
  }

  private isWatched(machine: string): boolean {
    for (const { calls } of this.watchers.values()) if (calls.has(machine)) return true;
    return false;
  }

  private encoded(machine: string, event: RaftMachineEvent): Uint8Array {
    try {
      return encodeMachineEvent(event);
    } catch (error) {
      this.ports.logger.warn(`A change of '${machine}' can't be sent to clients: ${errorMessage(error)}`);
      return encodeMachineEvent({ kind: 'replaced', index: event.index });
    }
  }

  /** The newest stays, however large it is. */
  private dropOldest(): void {
    const { mostEvents, mostBytes } = this.bounds;
    if (this.events.length <= mostEvents && this.bytes <= mostBytes) return;
    let dropped = 0;
    while (
      dropped < this.events.length - 1 &&
      (this.events.length - dropped > mostEvents * 0.75 || this.bytes > mostBytes * 0.75)
    )
      this.bytes -= this.events[dropped++]!.body.length;
    this.events = this.events.slice(dropped);
  }

  private lookIn(ms: number): void {
    this.timer ??= this.ports.scheduler.setTimer(ms, () => {
      this.timer = undefined;
      this.look();
    });
  }

  private look(): void {
    let room = this.bounds.mostUnsentBytesOfAll - this.measure();
    for (const [channel, watcher] of [...this.watchers]) {
      if (watcher.position < this.first) this.cut(watcher);
      this.sendCut(channel, watcher);
      const isPressing = room <= 0 || watcher.cut.length > 0;
      if (isPressing && watcher.vainLooks >= MOST_VAIN_LOOKS) {
        channel.close("the client doesn't read what it watches");
        this.ended(channel);
        continue;
      }
      if (room > 0) room -= this.advance(channel, watcher, room);
    }
    this.forgetWhatAllHave();
    if ([...this.watchers.values()].some(({ position, cut }) => position < this.next || cut.length > 0))
      this.lookIn(LOOK_EVERY_MS);
  }

  /** @returns the bytes that the connections of all watchers hold */
  private measure(): number {
    let bytes = 0;
    for (const [channel, watcher] of this.watchers) {
      const unsent = channel.backlogBytes;
      watcher.vainLooks = unsent > 0 && unsent >= watcher.unsentBytes ? watcher.vainLooks + 1 : 0;
      watcher.unsentBytes = unsent;
      bytes += unsent;
    }
    return bytes;
  }

  /** @returns the bytes that were handed to the connection */
  private advance(channel: ClientChannel, watcher: Watcher, most: number): number {
    const { mostUnsentBytes } = this.bounds;
    let bytes = 0;
    while (watcher.position < this.next && bytes < most) {
      const { machine, body } = this.events[watcher.position - this.first]!;
      const call = watcher.calls.get(machine);
      if (call !== undefined && call.from <= watcher.position) {
        if (channel.backlogBytes > mostUnsentBytes || !this.send(channel, call.id, true, body)) break;
        bytes += body.length;
        watcher.unsentBytes += body.length;
      }
      watcher.position++;
    }
    return bytes;
  }

  private cut(watcher: Watcher): void {
    watcher.cut.push(...[...watcher.calls.values()].map(({ id }) => id));
    watcher.calls.clear();
    watcher.position = this.next;
  }

  private sendCut(channel: ClientChannel, watcher: Watcher): void {
    if (watcher.cut.length === 0) return;
    const body = encodeError(tooSlow());
    watcher.cut = watcher.cut.filter((id) => !this.send(channel, id, false, body));
    if (watcher.cut.length === 0 && watcher.calls.size === 0) this.ended(channel);
  }

  private forgetWhatAllHave(): void {
    const positions = [...this.watchers.values()].map(({ position }) => position);
    const behind = Math.min(...positions, this.next) - this.first;
    if (behind <= 0) return;
    for (const { body } of this.events.slice(0, behind)) this.bytes -= body.length;
    this.events = this.events.slice(behind);
  }

  private send(channel: ClientChannel, id: number, ok: boolean, body: Uint8Array): boolean {
    return channel.send({ kind: 'response', groupId: this.ports.groupId, id, ok, body });
  }
}

function tooManyWatches(): RaftError {
  return new RaftError('RAFT_BUSY', `This client watches ${MOST_WATCHES} state machines already: end some first.`);
}

function tooSlow(): RaftError {
  return new RaftError(
    'RAFT_BUSY',
    'This client reads more slowly than the state machine that it watches changes, and was sent no more of it. Watch it again, and read its state: something may be missing.',
    { retryAfterMs: RETRY_CUT_AFTER_MS },
  );
}
