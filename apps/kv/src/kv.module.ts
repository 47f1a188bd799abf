import { type DynamicModule, Module } from '@nestjs/common';
import { memoryStorage, RaftModule, type RaftModuleOptions, type RaftStorage } from 'nestjs-raft';
import { typeOrmStorage } from 'nestjs-raft/typeorm';
import { AdminController } from './admin.controller';
import { AdminGuard } from './admin.guard';
import type { NodeSettings } from './command-line';
import { FollowerGate } from './follower-gate.service';
import { formatHostPort } from './host-port';
import { KeyValueController } from './key-value.controller';
import { KeyValueMachine } from './key-value.machine';
import { NODE_SETTINGS } from './node-settings.token';
import { OrderlyClose } from './orderly-close.service';
import { StatusController } from './status.controller';

/** The sample app: a node of a replicated key-value store. */
@Module({})
export class KvModule {
  /** @param databaseUrl the node's own database; undefined for storage in memory */
  static register(settings: NodeSettings, databaseUrl: string | undefined): DynamicModule {
    const storage: RaftStorage = databaseUrl === undefined ? memoryStorage() : typeOrmStorage({ url: databaseUrl });
    return {
      module: KvModule,
      imports: [
        RaftModule.forRoot({
          nodeId: settings.id,
          clusterName: 'kv',
          ...membersOf(settings),
          ...(settings.leaseReads !== undefined && { leaseReads: { driftMargin: settings.leaseReads } }),
          snapshots: snapshotsOf(settings),
          storage,
          election: { timeoutMs: settings.electionTimeoutMs, heartbeatIntervalMs: settings.heartbeatIntervalMs },
          forceBootstrap: settings.forceBootstrap,
        }),
        RaftModule.forFeature([KeyValueMachine]),
      ],
      // The routes for keys take every path, so they come last.
      controllers: [StatusController, AdminController, KeyValueController],
      providers: [FollowerGate, AdminGuard, OrderlyClose, { provide: NODE_SETTINGS, useValue: settings }],
    };
  }
}

/** Who founds the cluster, or, of a node that joins, where it is itself. */
function membersOf({ founders, id, join, joinAs, peerListen }: NodeSettings): Partial<RaftModuleOptions> {
  const members = founders.map((founder) => ({
    id: founder.id,
    peer: `${founder.http.host}:${founder.peerPort}`,
    http: `http://${formatHostPort(founder.http)}`,
  }));
  const listen = formatHostPort(peerListen);
  if (join === undefined) return { members, peers: { listen } };
  const self = members.find((member) => member.id === id)!;
  return { join: [join], joinAs, http: self.http, peers: { listen, advertise: self.peer } };
}

function snapshotsOf({ snapshotAfterEntries, snapshotAfterBytes }: NodeSettings): RaftModuleOptions['snapshots'] {
  return {
    ...(snapshotAfterBytes !== undefined && { afterBytes: snapshotAfterBytes }),
    ...(snapshotAfterEntries !== undefined && {
      afterEntries: snapshotAfterEntries,
      trailingEntries: Math.ceil(snapshotAfterEntries / 10),
    }),
  };
}
