import type { MachineEventListener } from '../../state-machine/entries/machine-change';
import type { ClientChannel, Hello, RequestMessage, ResponseMessage } from '../../transport/contract';
import { CLIENT_STATUS, CLIENT_UNWATCH, CLIENT_WATCH, decodeClusterStatus, decodeMachineEvent } from './client-calls';
import { ClientServer } from './client-server';
import type { PendingRequest } from '../requests/pending-request';
import { encodeRequest } from '../requests/request-codec';
import { decodeError } from '../base/error-codec';
import type { RaftStatus } from '../status/status';

const CLIENT = { clusterName: 'shop', nodeName: 'api' } as Hello;
const LEADER = { id: 2, name: 'n2', peer: 'n2:7001', http: '' };

function setUp() {
  const taken: PendingRequest[] = [];
  const answers: ResponseMessage[] = [];
  const closings: string[] = [];
  const listeners = new Set<MachineEventListener>();
  const statusListeners = new Set<(status: RaftStatus) => void>();
  const status = { phase: 'running', clusterId: 'c1', term: 3, leader: LEADER, appliedIndex: 7 } as RaftStatus;
  const tasks: (() => void)[] = [];
  const server = new ClientServer({
    scheduler: { setTimer: (_delayMs, task) => ({ at: tasks.push(task) }), clearTimer: () => undefined },
    nodeName: 'n1',
    clusterName: 'shop',
    groupId: 'default',
    bootNonce: 'mine',
    logger: { debug: () => {}, log: () => {}, warn: () => {}, error: () => {} },
    machineEvents: {
      listen: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    submit: (request) => taken.push(request),
    closed: () => undefined,
    status: () => status,
    onStatus: (listener) => {
      statusListeners.add(listener);
      return () => statusListeners.delete(listener);
    },
  });
  let isFull = false;
  const channel: ClientChannel = {
    client: CLIENT,
    send: (response) => {
      if (!isFull) answers.push(response);
      return !isFull;
    },
    backlogBytes: 0,
    remoteAddress: '192.0.2.1',
    close: (detail) => closings.push(detail),
  };
  const call = (method: string, more: Partial<RequestMessage> = {}): void =>
    server.receive(
      {
        kind: 'request',
        groupId: 'default',
        id: 1,
        method,
        timeoutMs: 1000,
        body: encodeRequest({
          bootNonce: 'mine',
          schemaVersion: 3,
          consistency: 'stale',
          maxLagMs: 50,
          after: 9,
          body: Uint8Array.of(7),
        }),
        ...more,
      },
      channel,
    );
  const codes = (): unknown[] => answers.map(({ ok, body }) => (ok ? 'ok' : decodeError(body)?.code));
  const changed = (changes: Partial<RaftStatus>): void => {
    for (const listener of statusListeners) listener({ ...status, ...changes });
  };
  return {
    server,
    channel,
    taken,
    answers,
    closings,
    call,
    codes,
    changed,
    listeners,
    statusListeners,
    fill: () => (isFull = true),
    runTimers: () => tasks.splice(0).forEach((task) => task()),
  };
}

describe('ClientServer', () => {
  it('takes commands, sessions and queries in, which may go on to the leader, with the bounds of a stale read', () => {
    const { call, taken } = setUp();
    for (const method of ['propose', 'session', 'query']) call(method);
    expect(taken.map(({ kind }) => kind)).toEqual(['propose', 'session', 'query']);
    expect(taken[2]).toMatchObject({ mayForward: true, schemaVersion: 3, timeoutMs: 1000, maxLagMs: 50, after: 9 });
  });

  it('refuses what nodes ask of each other: administration, joining, snapshots, parts of reads', () => {
    const { call, taken, codes } = setUp();
    const methods = [
      'membership.change',
      'leadership.transfer',
      'join',
      'snapshot.info',
      'snapshot.chunk',
      'readIndex',
      'toString',
    ];
    for (const method of methods) call(method);
    expect(taken).toEqual([]);
    expect(codes()).toEqual(methods.map(() => 'RAFT_FORBIDDEN'));
  });

  it('answers what is for another group or for its life before with a code, and lives on after bytes that are nothing', () => {
    const { call, taken, codes } = setUp();
    call('query', { groupId: 'other' });
    const body = encodeRequest({
      bootNonce: 'a life before',
      schemaVersion: 0,
      consistency: 'lease',
      body: Uint8Array.of(),
    });
    call('query', { body });
    call('query', { body: Uint8Array.of(1, 0xff) });
    expect(codes()).toEqual(['RAFT_FORBIDDEN', 'RAFT_NO_LEADER', 'RAFT_NO_LEADER']);
    expect(taken).toEqual([]);
  });

  it('bounds how many calls of one client wait', () => {
    const { call, taken, codes } = setUp();
    for (let count = 0; count < 2001; count++) call('query');
    expect(taken).toHaveLength(2000);
    expect(codes()).toEqual(['RAFT_BUSY']);
    taken[0]!.settleWith({ value: undefined, index: 1 });
    call('query');
    expect(taken).toHaveLength(2001);
  });

  it('tells who leads at once and at each change, and each word once', () => {
    const { call, answers, changed } = setUp();
    call(CLIENT_STATUS, { id: 5 });
    changed({ appliedIndex: 8 });
    changed({ term: 4, leader: null });
    expect(answers.map(({ id, body }) => [id, decodeClusterStatus(body)])).toEqual([
      [5, { phase: 'running', clusterId: 'c1', term: 3, leader: LEADER }],
      [5, { phase: 'running', clusterId: 'c1', term: 4, leader: null }],
    ]);
  });

  it('pushes what a watched machine tells behind the index that it says first, until the watch or the connection ends', () => {
    const { server, channel, call, answers, listeners, statusListeners, runTimers } = setUp();
    const tell = (machine: string, index: number): void => {
      listeners.forEach((listen) =>
        listen(machine, { kind: 'change', index, term: 3, now: 1, command: 'set', value: { index } }),
      );
      runTimers();
    };
    const watched = { id: 6, body: Buffer.from('locks') };
    call(CLIENT_WATCH, watched);
    tell('locks', 8);
    tell('others', 9);
    call(CLIENT_UNWATCH, { ...watched, id: 7 });
    tell('locks', 10);
    expect(
      answers
        .filter(({ id }) => id === 6)
        .map(({ body }) => [decodeMachineEvent(body).kind, decodeMachineEvent(body).index]),
    ).toEqual([
      ['replaced', 7],
      ['change', 8],
    ]);
    server.ended(channel);
    expect([listeners.size, statusListeners.size]).toEqual([0, 0]);
  });

  it('hangs up on a client that can not be told who leads, so that it misses nothing in silence', () => {
    const { call, closings, changed, fill } = setUp();
    call(CLIENT_STATUS, { id: 5 });
    fill();
    changed({ term: 9 });
    expect(closings).toHaveLength(1);
  });

  it('admits clients of its own cluster', () => {
    const { server } = setUp();
    expect(server.admit(CLIENT)).toBeUndefined();
    expect(server.admit({ ...CLIENT, clusterName: 'other' })).toContain("'other'");
  });
});
