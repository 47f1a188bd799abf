import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as publicApi from './index';

const OPTIONAL_PEERS =
  /^(typeorm|pg|pg-copy-streams|cron|luxon|@nestjs\/(typeorm|terminus|swagger|schedule)|prom-client|@opentelemetry)(\/|$)/;

/** What a file loads, and what that loads, by the import statements that aren't for types alone. */
function loadedFrom(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(entry, 'utf8');
  for (const [, specifier = ''] of text.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from\s+'([^']+)'/gms))
    if (specifier.startsWith('.')) {
      const path = join(dirname(entry), specifier);
      loadedFrom(existsSync(`${path}.ts`) ? `${path}.ts` : join(path, 'index.ts'), seen);
    } else seen.add(specifier);
  return seen;
}

describe('the public entry', () => {
  it('loads no optional peer, directly or through what it imports', () => {
    const loaded = [...loadedFrom(join(__dirname, 'index.ts'))];

    expect(loaded.length).toBeGreaterThan(50);
    expect(loaded.filter((each) => OPTIONAL_PEERS.test(each))).toEqual([]);
    expect(loaded.map((each) => relative(__dirname, each)).filter((each) => each.includes('typeorm/'))).toEqual([]);
  });

  it('has these names, and a new one is a decision', () => {
    expect(Object.keys(publicApi).sort((left, right) => left.localeCompare(right))).toMatchInlineSnapshot(`
      [
        "CLIENT_PROTOCOL_VERSIONS",
        "CommandContext",
        "createReplicated",
        "DEFAULT_GROUP",
        "getRaftAdminToken",
        "getRaftBarrierToken",
        "getRaftClientToken",
        "getRaftCounterToken",
        "getRaftEventsToken",
        "getRaftJobsToken",
        "getRaftLockToken",
        "getRaftMapToken",
        "getRaftQueueToken",
        "getRaftSemaphoreToken",
        "getRaftSequenceToken",
        "getRaftToken",
        "getStateMachineToken",
        "InjectRaft",
        "InjectRaftBarrier",
        "InjectRaftClient",
        "InjectRaftCounter",
        "InjectRaftJobs",
        "InjectRaftLock",
        "InjectRaftMap",
        "InjectRaftQueue",
        "InjectRaftSemaphore",
        "InjectRaftSequence",
        "InjectStateMachine",
        "isLocalHost",
        "isRaftError",
        "isRaftRejection",
        "LeaderCron",
        "LeaderInterval",
        "LeaderOnly",
        "LeaderOnlyGuard",
        "LinearizableRead",
        "Locked",
        "memoryStorage",
        "MemoryStorage",
        "NodeEvents",
        "OnLeadershipAcquired",
        "OnLeadershipLost",
        "PROTOCOL_VERSIONS",
        "QueryContext",
        "RAFT_ERRORS",
        "RAFT_EVENT_NAMES",
        "RaftAdminService",
        "raftBarrier",
        "RaftBarrier",
        "raftChannel",
        "RaftClient",
        "RaftClientModule",
        "raftClientOptions",
        "RaftClientService",
        "RaftCommand",
        "raftCounter",
        "RaftCounter",
        "RaftError",
        "RaftEventsService",
        "RaftExceptionFilter",
        "RaftHttpException",
        "RaftJobsService",
        "RaftLockService",
        "raftMap",
        "RaftMap",
        "RaftModule",
        "RaftNode",
        "raftNodeOptions",
        "raftOptionsFromEnv",
        "RaftQuery",
        "raftQueue",
        "RaftQueue",
        "RaftRejection",
        "RaftRestore",
        "raftSemaphore",
        "RaftSemaphore",
        "raftSequence",
        "RaftSequence",
        "RaftService",
        "RaftSession",
        "RaftSnapshot",
        "RaftStateMachine",
        "SessionTicket",
        "snapshotChecksum",
        "SnapshotMap",
        "StaleRead",
        "stateChecksum",
        "StateMachineHost",
        "StoreCorruptError",
        "StoreFencedError",
        "StoreLockedError",
        "StoreNewerError",
        "StoreOwnerError",
        "StoreUnavailableError",
        "SystemScheduler",
        "tcpClientTransport",
        "tcpTransport",
        "UnsupportedValueError",
      ]
    `);
  });
});
