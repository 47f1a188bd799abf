import { RaftError } from '../errors/raft-error';
import { CallIds } from '../runtime/peers/call-ids';
import { encodeMachineEvent } from '../runtime/clients/client-calls';
import { encodeError } from '../runtime/base/error-codec';
import type { RaftMachineEvent } from '../state-machine/entries/machine-change';
import type { RequestMessage } from '../transport/contract';
import { MachineWatches } from './machine-watches';

function setUp() {
  let home: string | undefined;
  const sent: (RequestMessage & { readonly to: string })[] = [];
  const tasks: { readonly delayMs: number; readonly task: () => void }[] = [];
  const watches = new MachineWatches({
    groupId: 'default',
    ids: new CallIds(0),
    logger: { debug: () => {}, log: () => {}, warn: () => {}, error: () => {} },
    home: () => home,
    send: (to, request) => {
      sent.push({ ...request, to });
      return true;
    },
    later: (delayMs, task) => void tasks.push({ delayMs, task }),
  });
  const heard: RaftMachineEvent[] = [];
  const failures: unknown[] = [];
  const end = watches.add('locks', { event: (event) => heard.push(event), failed: (error) => failures.push(error) });
  const settleOn = (address: string | undefined): void => {
    home = address;
    watches.settle();
  };
  const tell = (event: RaftMachineEvent, id = sent.findLast(({ method }) => method === 'client.watch')!.id): boolean =>
    watches.answered({ kind: 'response', groupId: 'default', id, ok: true, body: encodeMachineEvent(event) });
  const change = (index: number): RaftMachineEvent => ({
    kind: 'change',
    index,
    term: 1,
    now: 1,
    command: 'set',
    value: null,
  });
  return { watches, sent, heard, failures, tasks, end, settleOn, tell, change };
}

describe('MachineWatches', () => {
  it('asks the node that it settles on, and another one when that takes over', () => {
    const { sent, settleOn } = setUp();
    settleOn('a');
    settleOn('a');
    settleOn('b');
    expect(sent.map(({ to, method }) => [to, method])).toEqual([
      ['a', 'client.watch'],
      ['a', 'client.unwatch'],
      ['b', 'client.watch'],
    ]);
  });

  it('tells nothing twice that a node repeats which is behind the one before, and says how far was told', () => {
    const { watches, heard, settleOn, tell, change } = setUp();
    settleOn('a');
    tell({ kind: 'replaced', index: 4 });
    tell(change(5));
    tell(change(7));
    tell(change(7));
    expect(watches.toldThrough).toBe(7);
    settleOn('b');
    tell({ kind: 'replaced', index: 5 });
    for (const index of [6, 7, 8]) tell(change(index));
    expect(heard.map(({ kind, index }) => `${kind} ${index}`)).toEqual([
      'replaced 4',
      'change 5',
      'change 7',
      'change 7',
      'replaced 5',
      'change 8',
    ]);
  });

  it('asks the same node again after the connection was lost, and takes no word of the watch before', () => {
    const { watches, sent, settleOn, tell, change } = setUp();
    settleOn('a');
    const before = sent[0]!.id;
    watches.connectionLost('a');
    settleOn('a');
    expect(sent.map(({ method }) => method)).toEqual(['client.watch', 'client.watch']);
    expect(tell(change(5), before)).toBe(false);
  });

  it('ends a watch with its last listener', () => {
    const { watches, sent, end, settleOn } = setUp();
    settleOn('a');
    end();
    end();
    expect(sent.map(({ method }) => method)).toEqual(['client.watch', 'client.unwatch']);
    expect(watches.toldThrough).toBe(0);
  });

  it('asks again when the node has cut the watch, after the time that it names, and passes on any other refusal', () => {
    const { watches, sent, failures, tasks, settleOn } = setUp();
    const asked = (): RequestMessage[] => sent.filter(({ method }) => method === 'client.watch');
    const refuse = (error: RaftError): boolean =>
      watches.answered({
        kind: 'response',
        groupId: 'default',
        id: asked().at(-1)!.id,
        ok: false,
        body: encodeError(error),
      });
    settleOn('a');
    refuse(new RaftError('RAFT_BUSY', 'too slow', { retryAfterMs: 200 }));
    expect([asked().length, tasks.map(({ delayMs }) => delayMs), failures]).toEqual([1, [200], []]);
    tasks[0]!.task();
    expect(asked()).toHaveLength(2);
    refuse(new RaftError('RAFT_FORBIDDEN', 'no'));
    expect(failures).toEqual([expect.objectContaining({ code: 'RAFT_FORBIDDEN' })]);

    refuse(new RaftError('RAFT_BUSY', 'too slow', { retryAfterMs: 200 }));
    settleOn('b');
    expect(asked()).toHaveLength(3);
    tasks[1]!.task();
    expect(asked()).toHaveLength(3);
  });
});
