import { encodeCommand } from '../../state-machine/entries/command-envelope';
import { encodeSessionOperation } from '../../state-machine/entries/session-entry';
import { CallerPlaces } from './caller-places';

const LIMITS = { maxSessionsPerCaller: 2, maxIdempotencyKeysPerCaller: 2, maxLocksPerCaller: 2 };

function setUp() {
  const places = new CallerPlaces(LIMITS);
  let nowMs = 1_000_000;
  const session = (caller: string, operation: Parameters<typeof encodeSessionOperation>[0]) =>
    places.refusalOf(caller, 'session', encodeSessionOperation(operation), nowMs);
  const command = (caller: string, call: Omit<Parameters<typeof encodeCommand>[0], 'machine'>, machine = 'm') =>
    places.refusalOf(caller, 'command', encodeCommand({ machine, ...call }), nowMs);
  return {
    places,
    pass: (ms: number) => void (nowMs += ms),
    open: (caller: string, nonce: number, ttlMs = 10_000) => session(caller, { kind: 'open', ttlMs, nonce }),
    session,
    use: (caller: string, idempotencyKey: string) => command(caller, { command: 'c', args: [], idempotencyKey }),
    command,
    lock: (caller: string, id: string, ttlMs = 5_000, waitMs = 1_000) =>
      command(caller, { command: 'acquire', args: [{ key: 'k', id, ttlMs, waitMs }] }, 'raft.locks'),
  };
}

describe('The places that one caller has', () => {
  it('are bounded for sessions, each caller for itself, and the refusal says when one may be free', () => {
    const { open, pass } = setUp();
    expect([open('a', 1, 10_000), open('a', 2, 4_000)]).toEqual([undefined, undefined]);
    pass(1_000);
    expect(open('a', 3)).toMatchObject({ code: 'RAFT_BUSY', reason: 'TOO_MANY_OF_CALLER', retryAfterMs: 3_000 });
    expect(open('b', 3)).toBeUndefined();
    pass(3_000);
    expect(open('a', 3)).toBeUndefined();
  });

  it('are had by a session for as long as it is kept alive, by a sign of life or a command, and given back when it is closed', () => {
    const { open, session, command, pass } = setUp();
    open('a', 0x1f);
    open('a', 2);
    pass(9_000);
    session('a', { kind: 'keepAlive', clientId: '77.1f', ackedThrough: 0 });
    command('a', { command: 'c', args: [], session: { clientId: '78.2', sequence: 1, ackedThrough: 0 } });
    pass(9_000);
    expect(open('a', 3)).toMatchObject({ retryAfterMs: 1_000 });
    session('a', { kind: 'close', clientId: '77.1f' });
    expect(open('a', 3)).toBeUndefined();
  });

  it('are learned of sessions that another leader opened, as they are renewed', () => {
    const { open, session } = setUp();
    for (const clientId of ['1.a', '2.b']) session('a', { kind: 'keepAlive', clientId, ackedThrough: 0 });
    expect(open('a', 3)).toMatchObject({ code: 'RAFT_BUSY' });
  });

  it('are bounded for idempotency keys, of which a repeated one is none, for as long as they count', () => {
    const { use, pass } = setUp();
    use('a', 'one');
    pass(60_000);
    use('a', 'two');
    expect(use('a', 'one')).toBeUndefined();
    expect(use('a', 'three')).toMatchObject({ code: 'RAFT_BUSY', retryAfterMs: 540_000 });
    expect(use('b', 'three')).toBeUndefined();
    pass(540_000);
    expect(use('a', 'three')).toBeUndefined();
  });

  it('are bounded for locks that it holds or waits for, until it gives them back or they end', () => {
    const { lock, command, pass } = setUp();
    expect([lock('a', 'a.1'), lock('a', 'a.2'), lock('a', 'a.1')]).toEqual([undefined, undefined, undefined]);
    expect(lock('a', 'a.3')).toMatchObject({ code: 'RAFT_BUSY', retryAfterMs: 6_000 });
    command('a', { command: 'release', args: ['k', 'a.1', 7] }, 'raft.locks');
    expect(lock('a', 'a.3')).toBeUndefined();
    pass(5_000);
    command('a', { command: 'renew', args: ['k', 'a.2', 8] }, 'raft.locks');
    pass(2_000);
    expect(lock('a', 'a.4')).toBeUndefined();
    expect(lock('a', 'a.5')).toMatchObject({ code: 'RAFT_BUSY' });
  });

  it('are none for other commands, and none of another leader', () => {
    const { places, command, open } = setUp();
    for (let count = 0; count < 10; count++) expect(command('a', { command: 'c', args: [] })).toBeUndefined();
    for (const nonce of [1, 2]) open('a', nonce);
    places.clear();
    expect(open('a', 3)).toBeUndefined();
  });
});
