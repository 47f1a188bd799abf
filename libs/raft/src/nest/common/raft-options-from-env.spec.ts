import { raftOptionsFromEnv } from './raft-options-from-env';
import { raftSettings } from './raft-settings';

describe('options from environment variables', () => {
  it('are none where there are no variables, or empty ones', () => {
    expect(raftOptionsFromEnv({})).toEqual({});
    expect(raftOptionsFromEnv({ RAFT_NODE_ID: '', RAFT_MEMBERS: '' })).toEqual({});
  });

  it('are those of the module, by the same names', () => {
    const options = raftOptionsFromEnv({
      RAFT_NODE_ID: 'n1',
      RAFT_CLUSTER_NAME: 'shop',
      RAFT_MEMBERS: 'n1=10.0.0.1:7001=http://10.0.0.1:3000, n2=10.0.0.2:7001',
      RAFT_PEERS_LISTEN: '0.0.0.0:7001',
      RAFT_PEERS_ADVERTISE: '10.0.0.1:7001',
      RAFT_PEERS_SECRET: 'sixteen letters!',
      RAFT_REQUEST_TIMEOUT_MS: '2000',
      RAFT_SHUTDOWN_TIMEOUT_MS: '3000',
      RAFT_ELECTION_TIMEOUT_MS: '500',
      RAFT_ELECTION_HEARTBEAT_INTERVAL_MS: '50',
      RAFT_LEASE_READS_DRIFT_MARGIN: '0.9',
      RAFT_LEADER_ONLY_ON_FOLLOWER: 'redirect',
      RAFT_LEADER_ONLY_STATUS: '308',
      RAFT_HTTP_ERRORS: 'false',
      RAFT_FORCE_BOOTSTRAP: 'true',
      RAFT_ON_EMPTY_STORE: 'rejoin',
    });

    expect(options).toEqual({
      nodeId: 'n1',
      clusterName: 'shop',
      members: [
        { id: 'n1', peer: '10.0.0.1:7001', http: 'http://10.0.0.1:3000' },
        { id: 'n2', peer: '10.0.0.2:7001', http: '' },
      ],
      peers: { listen: '0.0.0.0:7001', advertise: '10.0.0.1:7001', secret: 'sixteen letters!' },
      requestTimeoutMs: 2000,
      shutdownTimeoutMs: 3000,
      election: { timeoutMs: 500, heartbeatIntervalMs: 50 },
      leaseReads: { driftMargin: 0.9 },
      leaderOnly: { onFollower: 'redirect', status: 308 },
      httpErrors: false,
      forceBootstrap: true,
      onEmptyStore: 'rejoin',
    });
    expect(() => raftSettings({ ...options, storage: { useFactory: () => null as never } }, 'default')).not.toThrow();
  });

  it('name the files of secrets and certificates, which are read when the node starts, and when they change', () => {
    expect(
      raftOptionsFromEnv({
        RAFT_PEERS_SECRET_FILE: '/run/secrets/peers',
        RAFT_PEERS_TLS_KEY_FILE: 'n1.key',
        RAFT_PEERS_TLS_CERT_FILE: 'n1.crt',
        RAFT_PEERS_TLS_CA_FILE: 'ca.crt',
      }),
    ).toEqual({
      peers: {
        secretFile: '/run/secrets/peers',
        tls: { keyFile: 'n1.key', certFile: 'n1.crt', caFile: 'ca.crt' },
      },
    });
  });

  it('say that anybody may be a peer, and that nobody may', () => {
    expect(raftOptionsFromEnv({ RAFT_PEERS_INSECURE: 'true' })).toEqual({ peers: { insecure: true } });
    expect(raftOptionsFromEnv({ RAFT_PEERS_INSECURE: 'false' })).toEqual({ peers: { insecure: false } });
  });

  it.each([
    ['RAFT_MEMBERS', 'n1', /RAFT_MEMBERS is "n1": write every founder as id=host:port/],
    ['RAFT_REQUEST_TIMEOUT_MS', '5s', /RAFT_REQUEST_TIMEOUT_MS is "5s": write a number/],
    ['RAFT_HTTP_ERRORS', 'off', /RAFT_HTTP_ERRORS is "off": write true or false/],
    ['RAFT_PEERS_INSECURE', 'yes', /RAFT_PEERS_INSECURE is "yes": write true or false/],
    ['RAFT_PEERS_TLS_CA_FILE', 'ca.pem', /go together: name all three files/],
  ])('are refused with variable, value and remedy: %s', (name, value, sentence) => {
    expect(() => raftOptionsFromEnv({ [name]: value })).toThrow(sentence);
  });
});
