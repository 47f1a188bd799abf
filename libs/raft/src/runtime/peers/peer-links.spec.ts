import type { Configuration } from '../../core/base/configuration';
import { initialConfiguration } from '../../core/membership/membership';
import type { Hello, RaftTransport } from '../../transport/contract';
import { AddressHints } from './address-hints';
import { PeerLinks } from './peer-links';

const storeOf = (name: string): string => `store of ${name}`;
const configuration: Configuration = initialConfiguration(
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
    epoch: 1,
    earlierBoots: [],
    knownBoots: [],
    advertise: `${name}:7001`,
  };
}

/** @param members none are known yet where it is null */
function setUp(members: Configuration | null = configuration): PeerLinks {
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
  if (members !== null) links.connectMembers(members, 1);
  return links;
}

describe('a node that is no member', () => {
  it('is known by what it says of itself', () => {
    const links = setUp();
    links.onHello(hello('n4', 0));
    expect(links.unknownNodeNamed('n4')?.incarnation).toBe(storeOf('n4'));
  });

  it('is no founder that still says what it said before it was one', () => {
    const links = setUp();
    links.onHello(hello('n2', 0));
    expect(links.unknownNodeNamed('n2')).toBeUndefined();
  });

  it('is nobody in whose place another store answers by now', () => {
    const links = setUp();
    links.onHello(hello('n4', 0));
    links.onHello(hello('n4', 4, 'another store'));
    expect(links.unknownNodeNamed('n4')).toBeUndefined();
  });
});

describe('a member that says that it is elsewhere', () => {
  const elsewhere = (name: string, id: number): Hello => ({ ...hello(name, id), advertise: `${name}.new:7001` });

  it('counts for nothing before it has been looked into, whether its word came before the membership or after', () => {
    const links = setUp();
    links.onHello(elsewhere('n2', 2));
    expect([links.counts(elsewhere('n2', 2), 0), links.movers.moverOf(2)?.hello.advertise]).toEqual([
      false,
      'n2.new:7001',
    ]);

    const joining = setUp(null);
    const early = elsewhere('n3', 3);
    joining.onHello(early);
    joining.connectMembers(configuration, 1);
    joining.onHello(early);
    expect([joining.counts(early, 0), joining.movers.moverOf(3)?.hello]).toEqual([false, early]);
  });

  it('counts where the membership has it, where it is met there all the same, and once it was looked into', () => {
    const links = setUp();
    expect(links.counts(hello('n2', 2), 0)).toBe(true);
    links.changed('n3:7001', 'connected', '', elsewhere('n3', 3));
    expect(links.counts(elsewhere('n3', 3), 0)).toBe(true);

    const later = { ...elsewhere('n2', 2), life: 2, bootNonce: 'the next start of n2' };
    links.onHello(later);
    expect(links.counts(later, 0)).toBe(false);
    links.count(later);
    expect(links.counts(later, 0)).toBe(true);
  });

  it('is reached there once it counts, and not at its old place, where another member has come to', () => {
    const links = setUp();
    const [second, third] = [elsewhere('n2', 2), { ...hello('n3', 3), advertise: 'n2:7001' }];
    links.changed('n2:7001', 'connected', '', third);
    links.changed('n2.new:7001', 'connected', '', second);
    expect([links.routeTo(2), links.routeTo(3)]).toEqual([undefined, undefined]);
    expect(links.routes.stateOfReplica(2)).toEqual({ state: 'closed', detail: "'n3' answers there" });
    links.count(second);
    links.count(third);
    expect([links.routeTo(2)?.address, links.routeTo(3)?.address]).toEqual(['n2.new:7001', 'n2:7001']);
  });
});

describe('what a member had is gone', () => {
  it('not while it is away, nor once it is back with its store', () => {
    const links = setUp();
    expect(links.routes.isGone(2)).toBe(false);
    links.onHello(hello('n2', 2));
    expect(links.routes.isGone(2)).toBe(false);
  });

  it('once another store answers in its place, be it a member’s or nobody’s yet', () => {
    const links = setUp();
    links.onHello(hello('n2', 2));
    links.onHello(hello('n2', 0, 'an empty store'));
    expect(links.routes.isGone(2)).toBe(true);
    expect(links.routes.isGone(3)).toBe(false);
    links.onHello(hello('n2', 4, 'an empty store'));
    expect(links.routes.isGone(2)).toBe(true);
  });

  it('once it is a member no more', () => {
    const links = setUp();
    links.connectMembers({ ...configuration, members: configuration.members.slice(0, 2), voters: [1, 2] }, 1);
    expect(links.routes.isGone(2)).toBe(false);
    expect(links.routes.isGone(3)).toBe(true);
  });
});
