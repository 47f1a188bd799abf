import type { RaftModuleOptions } from './raft-module-options.interface';
import { raftSettings } from './raft-settings';
import { groupName } from './raft.tokens';
import { memoryStorage } from '../../storage/memory';

const three: RaftModuleOptions['members'] = [
  { id: 'n1', peer: 'n1:7001', http: 'http://n1:3000' },
  { id: 'n2', peer: 'n2:7001', http: 'http://n2:3000/' },
  { id: 'n3', peer: '[::1]:7001' },
];
const storage = memoryStorage();
const secret = 'sixteen or more characters';

describe('the options of the module', () => {
  it('have defaults for a single node in memory that opens no port', () => {
    expect(raftSettings({}, 'default')).toMatchObject({
      nodeId: 'node1',
      clusterName: 'raft',
      members: [{ id: 'node1' }],
      peers: null,
      storage: undefined,
      requestTimeoutMs: 10_000,
      shutdownTimeoutMs: 5_000,
      electionTimeoutMs: 1_000,
      heartbeatIntervalMs: 100,
      leaseReads: null,
      httpErrors: true,
      leaderOnly: { onFollower: 'reject', status: 307 },
      forceBootstrap: false,
    });
  });

  it("take where to listen and how to be reached from this node's own entry", () => {
    const settings = raftSettings({ nodeId: 'n2', members: three, storage, peers: { secret } }, 'default');

    expect(settings.peers).toEqual({ listen: 'n2:7001', advertise: 'n2:7001', secret });
    expect(settings.members[1]?.http).toBe('http://n2:3000');
    expect(settings.members[2]?.http).toBe('');
  });

  describe('where peers prove nothing', () => {
    const local = [
      { id: 'n1', peer: '127.0.0.1:7001' },
      { id: 'n2', peer: 'localhost:7002' },
      { id: 'n3', peer: '[::1]:7003' },
    ];
    const of = (more: object) => () => raftSettings({ nodeId: 'n1', storage, ...more }, 'default');

    it('are about this machine alone', () => {
      expect(of({ members: local })).not.toThrow();
      expect(of({ members: local, peers: { listen: '127.0.0.1:0', advertise: 'LOCALHOST:7001' } })).not.toThrow();
    });

    it.each<readonly [string, object, RegExp]>([
      [
        'a member',
        { members: three, peers: { listen: '127.0.0.1:1', advertise: '127.0.0.1:1' } },
        /members\[0\]\.peer is "n1:7001"/,
      ],
      [
        'the only member, where a port is opened',
        { members: three.slice(0, 1), peers: {} },
        /peers\.listen is "n1:7001"/,
      ],
      ['where to listen', { members: local, peers: { listen: '0.0.0.0:7001' } }, /peers\.listen is "0\.0\.0\.0:7001"/],
      [
        'where the others reach it',
        { members: local, peers: { advertise: '10.0.0.1:1' } },
        /peers\.advertise is "10\.0\.0\.1:1"/,
      ],
      [
        'whom to join through',
        { join: ['127.0.0.1:1', 'n2:1'], peers: { listen: '127.0.0.1:2' } },
        /join\[1\] is "n2:1"/,
      ],
    ])('refuse %s elsewhere, and say what to set', (_what, more: { peers?: object }, sentence) => {
      expect(of(more)).toThrow(sentence);
      expect(of(more)).toThrow(/peers prove nothing.*Set peers\.secret or peers\.secretFile.*peers\.insecure/);
      for (const proof of [{ secret }, { secretFile: '/a/secret' }, { tls: { caFile: 'ca' } }, { insecure: true }])
        expect(of({ ...more, peers: { ...more.peers, ...proof } })).not.toThrow();
    });

    it('refuse it beside TLS that asks for no certificate, too', () => {
      expect(of({ members: three, peers: { tls: { key: 'k', cert: 'c' } } })).toThrow(/peers\.tls has no ca/);
    });

    it('leave it to a transport of the application what keeps strangers out', () => {
      expect(of({ members: three, transport: { useFactory: () => null as never } })).not.toThrow();
    });

    it('need not be told where no port is opened', () => {
      expect(of({ members: three.slice(0, 1) })).not.toThrow();
    });
  });

  it('shorten the heartbeat with the election time-out', () => {
    expect(raftSettings({ election: { timeoutMs: 200 } }, 'default').heartbeatIntervalMs).toBe(40);
  });

  it.each<readonly [string, object, RegExp]>([
    ['an unknown option', { nodeID: 'n1' }, /nodeID is no option\. Write one of nodeId, clusterName/],
    [
      'no name among members',
      { members: three, storage },
      /nodeId is not given, and members names n1, n2, n3: say which/,
    ],
    ['an empty name', { nodeId: ' ' }, /nodeId is " ": give this node's name/],
    [
      'a stranger to the members',
      { nodeId: 'n4', members: three, storage },
      /nodeId is "n4", which is not among the members \(n1, n2, n3\)/,
    ],
    [
      'several members without storage',
      { nodeId: 'n1', members: three },
      /storage is not given, and there are 3 members.*typeOrmStorage/,
    ],
    ['a misspelt option of peers', { peers: { secert: secret } }, /peers\.secert is no option\. Write one of listen/],
    ['no members at all', { members: [] }, /members is \[\]: list every founder/],
    [
      'a member without an address',
      { nodeId: 'a', members: [{ id: 'a' }] },
      /members\[0\]\.peer is undefined: write host:port/,
    ],
    [
      'a port that is none',
      { nodeId: 'a', members: [{ id: 'a', peer: 'a:70000' }] },
      /members\[0\]\.peer is "a:70000"/,
    ],
    [
      'an HTTP address with a path',
      { nodeId: 'a', members: [{ id: 'a', peer: 'a:1', http: 'http://a/x' }] },
      /members\[0\]\.http is "http:\/\/a\/x": .*without a path/,
    ],
    [
      'an HTTP address of another scheme',
      { nodeId: 'a', members: [{ id: 'a', peer: 'a:1', http: 'ftp://a' }] },
      /members\[0\]\.http/,
    ],
    [
      'two members of one name',
      {
        nodeId: 'a',
        members: [
          { id: 'a', peer: 'a:1' },
          { id: 'a', peer: 'b:1' },
        ],
        storage,
      },
      /members\[1\] \(a, b:1\) repeats/,
    ],
    ['peers without an address', { peers: { secret: 'x'.repeat(16) } }, /peers\.listen is not given/],
    ['a malformed address to listen on', { peers: { listen: '7001' } }, /peers\.listen is "7001": write host:port/],
    ['an address nobody can reach', { peers: { listen: '0.0.0.0:0' } }, /peers\.advertise is "0\.0\.0\.0:0"/],
    [
      'a time that is none',
      { requestTimeoutMs: '5s' },
      /requestTimeoutMs is "5s": give a whole number greater than 0, in milliseconds/,
    ],
    ['a negative time', { shutdownTimeoutMs: -1 }, /shutdownTimeoutMs is -1/],
    [
      'a slow heartbeat',
      { election: { heartbeatIntervalMs: 300 } },
      /heartbeatIntervalMs is 300 and election\.timeoutMs 1000: .*1500/,
    ],
    ['a limit that is none', { limits: { maxPendingRequests: 0 } }, /limits\.maxPendingRequests is 0/],
    [
      'a lease that is too long',
      { leaseReads: { driftMargin: 1 } },
      /leaseReads is \{"driftMargin":1\}: .*0\.5 to 0\.95/,
    ],
    ['a flag that is none', { httpErrors: 'no' }, /httpErrors is "no": write true or false/],
    [
      'an unknown policy',
      { leaderOnly: { onFollower: 'ignore' } },
      /leaderOnly\.onFollower is "ignore": write one of "reject", "redirect", "forward"/,
    ],
    ['an unknown redirect', { leaderOnly: { status: 301 } }, /leaderOnly\.status is 301: write one of 302, 307, 308/],
    ['a storage that is none', { storage: {} }, /storage is \{\}: give an instance .*or \{ useFactory, inject \}/],
    ['a storage class instead of an instance', { storage: class Store {} }, /storage is the function Store/],
    ['a transport that is none', { transport: 'tcp' }, /transport is "tcp"/],
  ])('are refused with option, value and remedy: %s', (_name, options, sentence) => {
    expect(() => raftSettings(options, 'default')).toThrow(sentence);
    expect(() => raftSettings(options, 'default')).toThrow(
      expect.objectContaining({ code: 'RAFT_CONFIGURATION' }) as Error,
    );
  });

  it('name a group in small letters', () => {
    expect(groupName(undefined)).toBe('default');
    expect(groupName('audit-2')).toBe('audit-2');
    expect(() => groupName('Audit log')).toThrow(/group is "Audit log"/);
  });
});
