import { MalformedBytesError } from '../codec/codec-errors';
import type { SnapshotSource } from '../contract';
import type { KeyTable } from './key-table';
import { mapSnapshotChunks, readMapSnapshot } from '../snapshot/map-snapshot';
import type { Session, SessionAnswer, SessionTable } from './session-table';
import { answerOfRow, answerRow, type StoredAnswer } from './stored-answer';

/** The kinds of rows: a session, an answer of the session before it, an idempotency key. */
const SESSION = 1;
const ANSWER = 2;
const KEY = 3;

type Row = readonly [kind: number, content: readonly unknown[]];

interface CapturedSession {
  readonly row: readonly unknown[];
  readonly answers: readonly SessionAnswer[];
}

type CapturedKeys = ReturnType<KeyTable['capture']>;

/**
 * Answers and keys are never changed, so that a capture copies at most references: of the answers, of which there are as many as
 * the bounds allow; of the keys not even those.
 */
export function captureClients(sessions: SessionTable, keys: KeyTable): SnapshotSource {
  let captured: { readonly sessions: readonly CapturedSession[]; readonly keys: CapturedKeys } | undefined = {
    sessions: Array.from(sessions.all(), ({ clientId, ttlMs, activeMs, ackedThrough, answers }) => ({
      row: [clientId, ttlMs, activeMs, ackedThrough],
      answers: [...answers.values()],
    })),
    keys: keys.capture(),
  };
  return {
    async *chunks() {
      if (captured === undefined) throw new Error('This capture was released: take a new one.');
      const rows = rowsOf(captured.sessions, captured.keys);
      yield* mapSnapshotChunks(() => {
        const step = rows.next();
        return step.done === true ? undefined : step.value;
      });
    },
    release() {
      captured = undefined;
    },
  };
}

function* rowsOf(
  sessions: readonly CapturedSession[],
  { records, from, to }: CapturedKeys,
): Generator<Row, void, undefined> {
  for (const { row, answers } of sessions) {
    yield [SESSION, row];
    for (const { sequence, answer } of answers) yield [ANSWER, [sequence, ...answerRow(there(answer))]];
  }
  for (let at = from; at < to; at++) {
    const { key, fingerprint, expiresMs, answer } = records[at]!;
    yield [KEY, [key, fingerprint, expiresMs, ...answerRow(there(answer))]];
  }
}

function there(answer: StoredAnswer | undefined): StoredAnswer {
  if (answer !== undefined) return answer;
  throw new Error('A capture was taken while commands waited to be applied: what they answer is missing in it.');
}

/** @throws MalformedBytesError */
export async function readClients(
  chunks: AsyncIterable<Uint8Array>,
  sessions: SessionTable,
  keys: KeyTable,
): Promise<void> {
  let session: Session | undefined;
  await readMapSnapshot(chunks, (kind, content) => {
    if (!Array.isArray(content)) throw new MalformedBytesError('A snapshot is malformed: a row of clients is no list');
    const row = content as readonly unknown[];
    if (kind === SESSION) {
      const [clientId, ttlMs, activeMs, ackedThrough] = row;
      if (!isText(clientId) || !isCount(ttlMs) || !isCount(activeMs) || !isCount(ackedThrough))
        throw noRow('a session');
      session = { clientId, ttlMs, activeMs, ackedThrough, bytes: 0, unfilled: 0, answers: new Map() };
      sessions.add(session);
    } else if (kind === ANSWER && session !== undefined) {
      const [sequence, ...answer] = row;
      if (!isCount(sequence)) throw noRow('an answer');
      sessions.record(session.clientId, sequence, answerOfRow(answer));
    } else if (kind === KEY) {
      const [key, fingerprint, expiresMs, ...answer] = row;
      if (!isText(key) || !isText(fingerprint) || !isCount(expiresMs)) throw noRow('a key');
      keys.add({ key, fingerprint, expiresMs, answer: answerOfRow(answer) });
    } else throw new MalformedBytesError(`A snapshot is malformed: of clients it has a row of kind ${String(kind)}`);
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function noRow(of: string): MalformedBytesError {
  return new MalformedBytesError(`A snapshot is malformed: ${of} of a client is none`);
}
