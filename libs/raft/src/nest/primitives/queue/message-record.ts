export type MessageState = 'ready' | 'inFlight' | 'delayed' | 'dead';

/** A message, as it is kept. */
export interface MessageRecord {
  /** The index of the command that sent it: the order of the queue. */
  readonly id: number;
  readonly body: unknown;
  readonly state: MessageState;
  /** How often it was received. */
  readonly attempts: number;
  /** As its last receiver said. */
  readonly maxAttempts: number;
  /** The index of the command that received it last; 0 where it isn't in flight. */
  readonly receipt: number;
  /** Cluster time at which its state ends; 0 where it doesn't by itself. */
  readonly untilMs: number;
}

/** Told when a message can be received. */
export interface QueueAvailableEvent {
  readonly type: 'available';
  readonly queue: string;
}

const SEPARATOR = '\0';

export function messageKey(queue: string, id: number): string {
  return `${queue}${SEPARATOR}${id}`;
}

export function splitMessageKey(key: string): readonly [queue: string, id: number] {
  const at = key.indexOf(SEPARATOR);
  return [key.slice(0, at), Number(key.slice(at + 1))];
}
