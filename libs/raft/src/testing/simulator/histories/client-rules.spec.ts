import { makeEntry, type Entry } from '../../../core/base/entry';
import { encodeCommand } from '../../../state-machine/entries/command-envelope';
import { ClientHistory, type ClientOperation } from './client-history';
import { CommittedRegisters } from './committed-registers';
import { checkAge } from './freshness-rule';
import type { RegisterCall } from '../registers/register-model';
import { Verdict } from '../base/violation';

const put = (value: string): RegisterCall => ({ kind: 'put', value });
const GET: RegisterCall = { kind: 'get' };

interface Answered {
  readonly called: number;
  readonly answered: number;
  readonly index: number;
  readonly value?: string;
  readonly consistency?: ClientOperation['consistency'];
  readonly after?: number;
}

/** What clients called and were answered, beside the log as it was committed. */
class ClientStory {
  readonly verdict = new Verdict();
  readonly history = new ClientHistory();
  readonly registers = new CommittedRegisters(this.verdict, this.history);

  call(call: RegisterCall, details: Partial<Pick<ClientOperation, 'consistency' | 'after' | 'calledAt'>> = {}) {
    const plain = { client: 1, node: 'n1', key: 'k', consistency: 'linearizable', after: 0, calledAt: 0 } as const;
    return this.history.begin({ ...plain, ...details, call });
  }

  answered(
    call: RegisterCall,
    { called, answered, index, value = '', consistency = 'linearizable', after = 0 }: Answered,
  ): ClientOperation {
    const operation = this.call(call, { consistency, after, calledAt: called });
    const answer = { refused: false, value: call.kind === 'put' ? call.value : value };
    Object.assign(operation, { outcome: 'answered', answeredAt: answered, index, answer });
    this.history.checkOrder(this.verdict, operation);
    return operation;
  }

  commit(index: number, { id, key, call }: ClientOperation): void {
    const args = [id, key, ...('value' in call ? [call.value] : [])];
    this.registers.add(committed(index, encodeCommand({ machine: 'registers', command: call.kind, args })));
  }
}

function committed(index: number, data: Uint8Array): Entry {
  return makeEntry(index, 1, { kind: 'command', schemaVersion: 0, data });
}

describe('the order of answers', () => {
  it('is that of real time: what is asked behind an answer is not older than it, whichever client asks', () => {
    const read = (details: Answered) => () => {
      const story = new ClientStory();
      story.answered(put('a'), { called: 0, answered: 10, index: 5 });
      story.answered(GET, details);
    };
    expect(read({ called: 11, answered: 20, index: 5, value: 'a' })).not.toThrow();
    expect(read({ called: 9, answered: 20, index: 4 })).not.toThrow();
    expect(read({ called: 10, answered: 20, index: 4 })).toThrow('what is answered later is not older');
    expect(read({ called: 11, answered: 20, index: 4, consistency: 'lease' })).toThrow('answered later is not older');
  });

  it('puts a command behind whatever was answered before it was called', () => {
    const story = new ClientStory();
    story.answered(put('a'), { called: 0, answered: 10, index: 5 });
    expect(() => story.answered(put('b'), { called: 11, answered: 20, index: 5 })).toThrow('is not older');
  });

  it('binds a stale read only to the index that its client asked for', () => {
    const stale = (index: number, after: number) => () => {
      const story = new ClientStory();
      story.answered(put('a'), { called: 0, answered: 10, index: 5 });
      story.answered(GET, { called: 11, answered: 20, index, after, consistency: 'stale' });
    };
    expect(stale(3, 0)).not.toThrow();
    expect(stale(5, 5)).not.toThrow();
    expect(stale(4, 5)).toThrow('a client reads its own writes');
  });
});

describe('the age of a state', () => {
  it('covers whatever was answered before, give or take what a slow clock has not counted', () => {
    const says = (appliedIndex: number, ageMs: number | null, clockDrift = 0) => {
      const story = new ClientStory();
      story.answered(put('a'), { called: 0, answered: 100, index: 5 });
      return () => checkAge(story.verdict, story.history, 'n1', { ageMs, appliedIndex }, 300, clockDrift);
    };
    expect(says(5, 0)).not.toThrow();
    expect(says(4, 201)).not.toThrow();
    expect(says(4, null)).not.toThrow();
    expect(says(4, 199)).toThrow('a state is no older than its node says');
    expect(says(4, 199, 0.1)).not.toThrow();
  });
});

describe('a history', () => {
  const finish = (second: string) => () => {
    const story = new ClientStory();
    story.answered(put('a'), { called: 0, answered: 10, index: 1 });
    story.answered(put('b'), { called: 20, answered: 30, index: 2 });
    story.answered(GET, { called: 40, answered: 50, index: 2, value: second });
    story.history.checkLinearizable(story.verdict, () => 1);
  };

  it('is linearizable', () => {
    expect(finish('b')).not.toThrow();
    expect(finish('a')).toThrow('histories are linearizable');
  });

  it('has room for a command without an answer only where the log holds it', () => {
    const read = (tookEffect: boolean) => () => {
      const story = new ClientStory();
      story.call(put('a'));
      story.answered(GET, { called: 40, answered: 50, index: 2, value: 'a' });
      story.history.checkLinearizable(story.verdict, () => (tookEffect ? 1 : undefined));
    };
    expect(read(true)).not.toThrow();
    expect(read(false)).toThrow('histories are linearizable');
  });
});

describe('the committed log', () => {
  it('holds what somebody called, once', () => {
    const story = new ClientStory();
    const one = story.call(put('a'));
    story.commit(1, one);
    expect(() => story.commit(2, one)).toThrow('a command is applied once');
    expect(() => story.commit(3, { ...one, id: 77 })).toThrow('only what was called is applied');
  });

  it('holds nothing that was answered as not applied, whichever of the two comes first', () => {
    const early = new ClientStory();
    const refused = early.call(put('a'));
    refused.outcome = 'notApplied';
    expect(() => early.registers.checkNotApplied(refused)).not.toThrow();
    expect(() => early.commit(1, refused)).toThrow('what was answered as not applied never is');

    const late = new ClientStory();
    const applied = late.call(put('a'));
    late.commit(1, applied);
    expect(() => late.registers.checkNotApplied(applied)).toThrow('what was answered as not applied never is');
  });

  it('is what answers say: of commands at their index, of reads there or behind it', () => {
    const answer = (call: RegisterCall, index: number, value: string) => () => {
      const story = new ClientStory();
      const first = story.answered(put('a'), { called: 0, answered: 1, index: 1 });
      story.commit(1, first);
      const operation = story.answered(call, { called: 2, answered: 3, index, value });
      if (call.kind !== 'get') story.commit(2, operation);
      story.registers.checkAnswer(operation);
    };
    expect(answer(GET, 1, 'a')).not.toThrow();
    expect(answer(GET, 1, 'b')).toThrow('answers are what the log says');
    expect(answer(put('b'), 2, 'b')).not.toThrow();
    expect(answer({ kind: 'append', value: 'c' }, 2, 'c')).toThrow('answers are what the log says');
    expect(answer(GET, 9, 'a')).toThrow('only what is committed is answered');
  });
});
