import type { Entry } from '../../../core/base/entry';
import { decodeClock } from '../../../state-machine/entries/clock-entry';
import { decodeCommand } from '../../../state-machine/entries/command-envelope';
import { decodeSessionOperation } from '../../../state-machine/entries/session-entry';

/** What an entry does by the rules of sessions. `applied`: it has its effect, where it is a command. */
export type EntryEffect = 'applied' | 'repeated' | 'repeated by a node' | 'refused';

interface ModelSession {
  readonly ttlMs: number;
  activeMs: number;
  ackedThrough: number;
  readonly applied: Set<number>;
}

/**
 * A second account of client sessions, computed from the log alone and written as plainly as can be: which command has its
 * effect, and which is a repetition or came too late. The product's own table is compared with it by what clients are told.
 */
export class SessionModel {
  private readonly sessions = new Map<string, ModelSession>();
  private timeMs = 0;
  /** Of sessions that have ended: at which entry, and who. The newest come last. */
  readonly ends: { readonly index: number; readonly clientId: string }[] = [];
  private index = 0;
  opened = 0;
  expired = 0;

  /** The next entry of the committed log. */
  judge(entry: Entry): EntryEffect {
    this.index = entry.index;
    switch (entry.kind) {
      case 'clock':
        this.advance(decodeClock(entry.data));
        return 'applied';
      case 'session':
        this.change(entry);
        return 'applied';
      case 'command':
        return this.command(entry.data);
      case 'noop':
      case 'configuration':
      case 'clusterVersion':
        return 'applied';
    }
  }

  private change({ index, data }: Entry): void {
    const { timeMs, operation } = decodeSessionOperation(data);
    this.advance(timeMs);
    if (operation.kind === 'open') {
      const id = `${index}.${operation.nonce.toString(16)}`;
      this.sessions.set(id, { ttlMs: operation.ttlMs, activeMs: this.timeMs, ackedThrough: 0, applied: new Set() });
      this.opened++;
    } else if (operation.kind === 'close') this.end(operation.clientId);
    else this.touched(operation.clientId, operation.ackedThrough);
  }

  private command(data: Uint8Array): EntryEffect {
    const { timeMs, session: place, isRelayed } = decodeCommand(data);
    this.advance(timeMs);
    if (place === undefined) return 'applied';
    const session = this.touched(place.clientId, place.ackedThrough);
    if (session === undefined || place.sequence <= session.ackedThrough) return 'refused';
    if (session.applied.has(place.sequence)) return isRelayed ? 'repeated by a node' : 'repeated';
    session.applied.add(place.sequence);
    return 'applied';
  }

  private touched(clientId: string, ackedThrough: number): ModelSession | undefined {
    const session = this.sessions.get(clientId);
    if (session === undefined) return undefined;
    session.activeMs = this.timeMs;
    session.ackedThrough = Math.max(session.ackedThrough, ackedThrough);
    return session;
  }

  private advance(timeMs: number): void {
    this.timeMs = Math.max(this.timeMs, timeMs);
    for (const [id, { activeMs, ttlMs }] of this.sessions) {
      if (activeMs + ttlMs > this.timeMs) continue;
      this.end(id);
      this.expired++;
    }
  }

  private end(clientId: string): void {
    if (this.sessions.delete(clientId)) this.ends.push({ index: this.index, clientId });
  }
}
