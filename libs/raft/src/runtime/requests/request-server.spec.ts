import type { Hello, RequestMessage, ResponseMessage } from '../../transport/contract';
import type { PendingRequest } from './pending-request';
import { encodeRequest } from './request-codec';
import { decodeError } from '../base/error-codec';
import { RequestServer } from './request-server';

const SENDER = { clusterId: 'c1', nodeName: 'n2', bootNonce: 'life 1' } as Hello;

function setUp() {
  const taken: PendingRequest[] = [];
  const answers: ResponseMessage[] = [];
  const server = new RequestServer({
    groupId: 'default',
    bootNonce: 'mine',
    clusterId: () => 'c1',
    submit: (request) => taken.push(request),
    answer: (_, response) => answers.push(response),
  });
  const message = (id: number, more: Partial<RequestMessage> = {}, bootNonce = 'mine'): RequestMessage => ({
    kind: 'request',
    groupId: 'default',
    id,
    method: 'propose',
    timeoutMs: 1000,
    body: encodeRequest({ bootNonce, schemaVersion: 3, consistency: 'linearizable', body: Uint8Array.of(7) }),
    ...more,
  });
  return { server, taken, answers, message };
}

describe('RequestServer', () => {
  it('takes a call in, which is never sent on', () => {
    const { server, taken, message } = setUp();
    server.receive(message(1), SENDER);
    expect(taken[0]).toMatchObject({ kind: 'propose', schemaVersion: 3, mayForward: false, timeoutMs: 1000 });
  });

  it('drops a repeat without an answer, also out of order, and one from another life of the sender not', () => {
    const { server, taken, answers, message } = setUp();
    for (const id of [5, 3, 5, 4, 3]) server.receive(message(id), SENDER);
    expect(taken).toHaveLength(3);
    server.receive(message(5), { ...SENDER, bootNonce: 'life 2' });
    expect(taken).toHaveLength(4);
    expect(answers).toEqual([]);
  });

  it('remembers a bounded number of calls, and forgets none into being taken twice', () => {
    const { server, taken, message } = setUp();
    for (let id = 1; id <= 30_000; id++) server.receive(message(id), SENDER);
    expect(taken).toHaveLength(30_000);
    for (const id of [1, 4000, 21_000, 29_999, 30_000]) server.receive(message(id), SENDER);
    expect(taken).toHaveLength(30_000);
  });

  it('takes nothing that is meant for another life, another group or another cluster', () => {
    const { server, taken, answers, message } = setUp();
    server.receive(message(1, {}, 'a life before'), SENDER);
    server.receive(message(2, { groupId: 'other' }), SENDER);
    server.receive(message(3), { ...SENDER, clusterId: 'c2' });
    server.receive(message(4), { ...SENDER, clusterId: '' });
    expect(taken).toEqual([]);
    expect(answers).toEqual([]);
  });

  it('says that it does not know a call of a newer version', () => {
    const { server, answers, message } = setUp();
    server.receive(message(1, { method: 'teleport' }), SENDER);
    server.receive(message(2, { method: 'toString' }), SENDER);
    for (const { body } of answers) expect(decodeError(body)).toMatchObject({ code: 'RAFT_FORBIDDEN' });
    expect(answers).toHaveLength(2);
  });

  it('answers as indeterminate where the outcome can not be encoded', () => {
    const { server, taken, answers, message } = setUp();
    server.receive(message(1), SENDER);
    taken[0]!.settleWith({
      value: { status: 'rejected', reason: 'R', message: '', details: () => undefined },
      index: 1,
    });
    expect(decodeError(answers[0]!.body)).toMatchObject({ code: 'RAFT_INDETERMINATE' });
  });
});
