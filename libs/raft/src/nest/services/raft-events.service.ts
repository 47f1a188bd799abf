import { Injectable, type MessageEvent } from '@nestjs/common';
import {
  auditTime,
  distinctUntilChanged,
  endWith,
  ignoreElements,
  interval,
  map,
  merge,
  Observable,
  takeUntil,
} from 'rxjs';
import type {
  ApplyEvent,
  MembershipEvent,
  RaftEventMap,
  RaftEventName,
  SnapshotInstalledEvent,
  SnapshotSentEvent,
  SnapshotTakenEvent,
} from '../../runtime/events/raft-events';
import type { LeaderStatus, RaftStatus } from '../../runtime/status/status';
import { isSameLeader, isSameStatus } from '../leadership/same-status';
import type { RaftNodeHost } from '../node/raft-node-host';

/** What became of a snapshot. @publicApi */
export type RaftSnapshotEvent =
  | ({ readonly kind: 'taken' } & SnapshotTakenEvent)
  | ({ readonly kind: 'sent' } & SnapshotSentEvent)
  | ({ readonly kind: 'installed' } & SnapshotInstalledEvent);

/** @publicApi */
export interface RaftStreamOptions {
  /** How often the applied index is told at most, in milliseconds. Default 250. */
  readonly appliedEveryMs?: number;
  /** How often a `ping` is sent, so that proxies keep a quiet connection open, in milliseconds. Default 15,000. */
  readonly pingEveryMs?: number;
}

/**
 * What happens in one group's node, as observables: for a log, a dashboard, or a server-sent event stream. Inject it by its class,
 * or with `@Inject(getRaftEventsToken('group'))`. All of them complete when the node has stopped, and none costs anything before it
 * is subscribed to.
 *
 * A subscriber runs in the middle of the node's work: it does little, and calls other things later.
 *
 * @publicApi
 */
@Injectable()
export class RaftEventsService {
  /** As `RaftService.status$`. */
  readonly status$: Observable<RaftStatus>;
  /** As `RaftService.leader$`. */
  readonly leader$: Observable<LeaderStatus | null>;
  /** Each configuration that takes effect. */
  readonly membership$: Observable<MembershipEvent>;
  /** Snapshots that this node took, gave to a peer, or installed. */
  readonly snapshots$: Observable<RaftSnapshotEvent>;
  /** Each slice of entries that was applied: many in a second, under load. */
  readonly applied$: Observable<ApplyEvent>;
  private readonly stopped$: Observable<unknown>;

  constructor(private readonly host: RaftNodeHost) {
    this.stopped$ = host.status$.pipe(ignoreElements(), endWith(undefined));
    this.status$ = host.status$.pipe(distinctUntilChanged(isSameStatus));
    this.leader$ = this.status$.pipe(
      map(({ leader }) => leader),
      distinctUntilChanged((before, now) => isSameLeader(before, now)),
    );
    this.membership$ = this.on('membership');
    this.applied$ = this.on('apply');
    this.snapshots$ = merge(
      this.on('snapshot-taken').pipe(map((event) => ({ kind: 'taken' as const, ...event }))),
      this.on('snapshot-sent').pipe(map((event) => ({ kind: 'sent' as const, ...event }))),
      this.on('snapshot-installed').pipe(map((event) => ({ kind: 'installed' as const, ...event }))),
    );
  }

  /** One kind of event of this node; `docs/guides/operations.md` has the table. */
  on<Name extends RaftEventName>(name: Name): Observable<RaftEventMap[Name]> {
    return new Observable<RaftEventMap[Name]>((subscriber) =>
      this.host.events.on(name, (event) => subscriber.next(event)),
    ).pipe(takeUntil(this.stopped$));
  }

  /**
   * Everything that a dashboard needs, ready for `@Sse()`: the types `status` (at once, and at each change), `leader`, `membership`,
   * `snapshot`, `applied` and `ping`.
   *
   * Each subscription costs on its own, and Nest keeps what a slow reader hasn't read. `GET events` of `RaftAdminModule` serves many
   * readers at the cost of one, with bounds, and so does an `EventFeed` of `nestjs-raft/admin` for events of an application.
   *
   * @example
   * ```ts
   * @Sse('events')
   * stream(): Observable<MessageEvent> {
   *   return this.events.stream();
   * }
   * ```
   */
  stream({ appliedEveryMs = 250, pingEveryMs = 15_000 }: RaftStreamOptions = {}): Observable<MessageEvent> {
    const applied$ = this.applied$.pipe(
      auditTime(appliedEveryMs),
      map(({ lastIndex }) => ({ index: lastIndex })),
    );
    const ping$ = interval(pingEveryMs).pipe(
      map(() => ({})),
      takeUntil(this.stopped$),
    );
    return merge(
      messages('status', this.status$),
      messages('leader', this.leader$),
      messages('membership', this.membership$),
      messages('snapshot', this.snapshots$),
      messages('applied', applied$),
      messages('ping', ping$),
    );
  }
}

function messages(type: string, source: Observable<object | null>): Observable<MessageEvent> {
  return source.pipe(map((data) => ({ type, data: data ?? 'null' })));
}
