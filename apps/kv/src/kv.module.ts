import { type DynamicModule, Module } from '@nestjs/common';
import { memoryStorage, RaftModule, type RaftModuleOptions, type RaftStorage } from 'nestjs-raft';
import { RaftAdminModule } from 'nestjs-raft/admin';
import { RaftPrometheusModule } from 'nestjs-raft/prometheus';
import { typeOrmStorage } from 'nestjs-raft/typeorm';
import { AdminGuard } from './access/admin.guard';
import type { NodeSettings } from './command-line';
import { ApiDocument } from './docs/api-document.service';
import { DocsController } from './docs/docs.controller';
import { FollowerGate } from './follower-gate.service';
import { HealthController } from './health.controller';
import { formatHostPort, parseHostPort, peerPortOf } from './host-port';
import { KeyValueController } from './key-value.controller';
import { KeyValueMachine } from './key-value.machine';
import { MetricsController } from './metrics.controller';
import { NODE_SETTINGS } from './node-settings.token';
import { OrderlyClose } from './orderly-close.service';
import { WatchController } from './watch/watch.controller';

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
          onEmptyStore: settings.onEmptyStore,
        }),
        RaftModule.forFeature([KeyValueMachine]),
        RaftAdminModule.register({
          path: '_raft',
          shortPath: '_praft',
          guard: new AdminGuard(settings),
          peerOf: peerAddressOf,
        }),
        RaftPrometheusModule.register(),
      ],
      // The routes for keys take every path, so they come last.
      controllers: [HealthController, MetricsController, DocsController, WatchController, KeyValueController],
      providers: [FollowerGate, ApiDocument, OrderlyClose, { provide: NODE_SETTINGS, useValue: settings }],
    };
  }
}

/** A member is named as clients reach it; its peer port is 10000 higher, unless it is said. */
function peerAddressOf(http: string): string {
  const address = parseHostPort('http', http);
  return `${address.host}:${peerPortOf('http', address)}`;
}

/** Who founds the cluster, or, of a node that joins, where it is itself. */
function membersOf({ founders, id, join, joinAs, peerListen, peerProof }: NodeSettings): Partial<RaftModuleOptions> {
  const members = founders.map((founder) => ({
    id: founder.id,
    peer: `${founder.http.host}:${founder.peerPort}`,
    http: `http://${formatHostPort(founder.http)}`,
  }));
  const listen = formatHostPort(peerListen);
  if (join === undefined) return { members, peers: { listen, ...peerProof } };
  const self = members.find((member) => member.id === id)!;
  return { join: [join], joinAs, http: self.http, peers: { listen, advertise: self.peer, ...peerProof } };
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
