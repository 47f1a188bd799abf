import { configurationOf, decodeConfiguration, encodeConfiguration } from './configuration-codec';
import type { Configuration } from '../base/configuration';
import { InvariantError } from '../base/invariant';
import { initialConfiguration } from './membership';

const configuration: Configuration = {
  ...initialConfiguration(
    ['größe', 'b', 'c'].map((name) => ({ name, peer: `${name}:1`, http: '', incarnation: `store-${name}` })),
  ),
  voters: [1, 2],
  outgoing: [2, 3],
  learnersNext: [3],
  autoLeave: true,
  nextReplicaId: 9,
};

const json = (change: object): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ ...structuredClone(configuration), ...change }));

describe('configuration codec', () => {
  it('gives back what went in, both halves of a joint configuration included', () => {
    expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
  });

  it.each<[string, Uint8Array]>([
    ['no JSON', new TextEncoder().encode('{')],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['null', new TextEncoder().encode('null')],
    ['a list', new TextEncoder().encode('[]')],
    ['without members', json({ members: undefined })],
    ['with a member without a name', json({ members: [{ id: 1, peer: '', http: '', incarnation: '' }] })],
    ['with a member that is null', json({ members: [null] })],
    ['with a fractional id', json({ voters: [1.5] })],
    ['with an id in words', json({ voters: ['1'] })],
    ['without the outgoing half', json({ outgoing: undefined })],
    ['without a word on leaving', json({ autoLeave: undefined })],
    ['without the next id', json({ nextReplicaId: undefined })],
    ['that contradicts itself', json({ voters: [1, 2, 8] })],
  ])('stops at data that is %s', (_, data) => {
    expect(() => decodeConfiguration(data)).toThrow(InvariantError);
  });

  it('reads what was stored before a change had a deadline and said whom it brought in', () => {
    const { added: _added, ...settled } = { ...configuration, outgoing: [], learnersNext: [], learners: [3] };
    const target = { voters: [1, 2, 3], learners: [], catchUpTimeoutMs: 60_000 };
    const stored = new TextEncoder().encode(JSON.stringify({ ...settled, target }));
    expect(decodeConfiguration(stored)).toEqual({
      ...settled,
      added: [],
      target: { ...target, deadlineMs: null, endsMs: null },
    });
  });

  it.each([
    ['a deadline in words', { target: { voters: [1], learners: [], catchUpTimeoutMs: 1, deadlineMs: 'soon' } }],
    ['a member of the change that is none', { added: [8] }],
    ['a member of the change that had a vote before', { added: [2] }],
  ])('stops at %s', (_, change) => {
    expect(() => decodeConfiguration(json(change))).toThrow(InvariantError);
  });

  it('takes the value that a store has parsed, as carefully', () => {
    expect(configurationOf(structuredClone(configuration))).toEqual(configuration);
    expect(() => configurationOf({ ...configuration, voters: [] })).toThrow(InvariantError);
  });
});
