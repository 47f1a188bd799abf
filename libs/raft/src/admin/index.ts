export { RaftAdminModule } from './raft-admin.module';
export type { AdminGuardOption, RaftAdminModuleOptions } from './raft-admin-module-options.interface';
export { SameOriginGuard } from './same-origin.guard';
export { beginEventStream } from './events/begin-event-stream';
export { EventFeed, type EventFeedOptions, type FeedPublication, type FeedReading } from './events/event-feed';
export { eventBlock } from './events/feed-event';
export type { EventSink } from './events/feed-reader';
