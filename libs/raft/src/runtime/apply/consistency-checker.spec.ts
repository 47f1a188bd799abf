import type { Configuration } from '../../core/base/configuration';
import type { StateDigest } from '../../state-machine/contract';
import { encodeValue } from '../../state-machine/codec/value-codec';
import type { Hello } from '../../transport/contract';
import { ConsistencyChecker, type ConsistencyCheckerPorts, verdictOn } from './consistency-checker';
import type { PeerCallHandler } from '../peers/peer-calls';

const digest = (outcomes: number): StateDigest => ({ index: 8192, version: 1, outcomes, backed: '', state: null });
const voters = (...ids: number[]): Configuration => ({ voters: ids, members: [] }) as unknown as Configuration;

describe('a node that is told that its state differs', () => {
  function told(by: number, index = 8192): string[] {
    const heard: string[] = [];
    const handlers = new Map<string, PeerCallHandler>();
    const ports = {
      machine: { digest: (at?: number) => (at === 8192 ? digest(1) : undefined) },
      calls: { serve: (name: string, handler: PeerCallHandler) => handlers.set(name, handler) },
      leader: () => 2,
      diverged: (sentence: string) => heard.push(sentence),
    };
    new ConsistencyChecker(ports as unknown as ConsistencyCheckerPorts).serve();
    void handlers.get('diverged')!(encodeValue({ index }), { replicaId: by } as Hello, 1000);
    return heard;
  }

  it('believes the leader that it follows, of an index whose digest it has', () => {
    expect(told(2)).toEqual([expect.stringContaining('another state of the log up to entry 8192')]);
  });

  it('believes nobody else, and nothing of an index that it can’t look at', () => {
    expect(told(3)).toEqual([]);
    expect(told(2, 16_384)).toEqual([]);
  });
});

describe('the verdict on digests', () => {
  it('stops a minority of at least three, and never so many that no quorum stays', () => {
    const three = new Map([
      [1, digest(7)],
      [2, digest(7)],
      [3, digest(8)],
    ] as const);
    expect(verdictOn(three, voters(1, 2, 3))).toEqual({ kind: 'minority', ids: [3] });
    expect(verdictOn(three, voters(2, 3))).toEqual({ kind: 'undecided' });
    expect(
      verdictOn(
        new Map([
          [1, digest(7)],
          [2, digest(8)],
        ] as const),
        voters(1, 2),
      ),
    ).toEqual({ kind: 'undecided' });
  });

  it('compares a hash of the state only where both have one', () => {
    const withState = { ...digest(7), state: 5 };
    expect(
      verdictOn(
        new Map([
          [1, digest(7)],
          [2, withState],
        ] as const),
        voters(1, 2),
      ),
    ).toEqual({ kind: 'alike' });
    const other = { ...digest(7), state: 6 };
    expect(
      verdictOn(
        new Map([
          [1, other],
          [2, withState],
        ] as const),
        voters(1, 2),
      ),
    ).toEqual({ kind: 'undecided' });
  });
});
