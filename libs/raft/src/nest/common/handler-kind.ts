/**
 * What Nest calls a method for: a route (`http`), a microservice's caller that waits (`message`) or doesn't (`event`), a message
 * of a WebSocket (`socket`), or nothing that passes guards (`plain`): `@OnEvent()`, `@Cron()`, a direct call.
 */
export type HandlerKind = 'http' | 'message' | 'event' | 'socket' | 'plain';

/** The keys of Nest's own metadata. They are read as they are: websockets and event-emitter may be absent. */
const HTTP_METHOD = 'method';
const PATTERN_HANDLER = 'microservices:handler_type';
const SOCKET_MESSAGE = 'websockets:message_mapping';
const EVENT_LISTENER = 'EVENT_LISTENER_METADATA';
/** Of `PatternHandler`. */
const EVENT_PATTERN = 2;

export function handlerKind(method: object): HandlerKind {
  if (Reflect.hasMetadata(HTTP_METHOD, method)) return 'http';
  if (Reflect.hasMetadata(PATTERN_HANDLER, method))
    return Reflect.getMetadata(PATTERN_HANDLER, method) === EVENT_PATTERN ? 'event' : 'message';
  return Reflect.hasMetadata(SOCKET_MESSAGE, method) ? 'socket' : 'plain';
}

/** Whether a listener of the event emitter. */
export function isEventListener(method: object): boolean {
  return Reflect.hasMetadata(EVENT_LISTENER, method);
}

/** Whether somebody waits for what the method answers. */
export function hasCaller(kind: HandlerKind): boolean {
  return kind === 'http' || kind === 'message' || kind === 'socket';
}
