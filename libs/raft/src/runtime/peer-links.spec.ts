import type { Configuration } from '../core/configuration';
import { genesisConfiguration } from '../core/membership';
import type { Hello, RaftTransport } from '../transport/contract';
import { AddressHints } from './address-hints';
import { PeerLinks } from './peer-links';

const storeOf = (name: string): string => `store of ${name}`;
const configuration: Configuration = genesisConfiguration(
  ['n1', 'n2', 'n3'].map((name) => ({ name, peer: `${name}:7001`, http: '', incarnation: storeOf(name) })),
);

function hello(name: string, replicaId: number, incarnation = storeOf(name)): Hello {
  return {
    protocol: { min: 1, max: 1 },
    clusterName: 'shop',
    clusterId: 'c1',
    nodeName: name,
    replicaId,
    incarnation,
    bootNonce: `${name} ${incarnation}`,
    life: 1,
    earlierLives: [],
    knownLives: [],
    advertise: `${name}:7001`,
  };
}

function setUp(): PeerLinks {
  const transport = {
    connect: () => undefined,
    disconnect: () => undefined,
  } as Partial<RaftTransport> as RaftTransport;
  const links = new PeerLinks({
    transport,
    nodeId: 'n1',
    advertise: 'n1:7001',
    founders: [],
    hints: new AddressHints([]),
    nowMs: () => 0,
    counted: () => undefined,
  });
  links.connectMembers(configuration, 1);
  return links;
}

describe('a node that is no member', () => {
  it('is known by what it says of itself', () => {
    const links = setUp();
    links.heard(hello('n4', 0));
    expect(links.strangerNamed('n4')?.incarnation).toBe(storeOf('n4'));
  });

  it('is no founder that still says what it said before it was one', () => {
    const links = setUp();
    links.heard(hello('n2', 0));
    expect(links.strangerNamed('n2')).toBeUndefined();
  });

  it('is nobody in whose place another store answers by now', () => {
    const links = setUp();
    links.heard(hello('n4', 0));
    links.heard(hello('n4', 4, 'another store'));
    expect(links.strangerNamed('n4')).toBeUndefined();
  });
});

describe('what a member had is gone', () => {
  it('not while it is away, nor once it is back with its store', () => {
    const links = setUp();
    expect(links.isGone(2)).toBe(false);
    links.heard(hello('n2', 2));
    expect(links.isGone(2)).toBe(false);
  });

  it('once another store answers in its place, be it a member’s or nobody’s yet', () => {
    const links = setUp();
    links.heard(hello('n2', 2));
    links.heard(hello('n2', 0, 'an empty store'));
    expect(links.isGone(2)).toBe(true);
    expect(links.isGone(3)).toBe(false);
    links.heard(hello('n2', 4, 'an empty store'));
    expect(links.isGone(2)).toBe(true);
  });

  it('once it is a member no more', () => {
    const links = setUp();
    links.connectMembers({ ...configuration, members: configuration.members.slice(0, 2), voters: [1, 2] }, 1);
    expect(links.isGone(2)).toBe(false);
    expect(links.isGone(3)).toBe(true);
  });
});
