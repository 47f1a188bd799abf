import {
  type Context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type SpanContext,
} from '@opentelemetry/api';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** W3C `traceparent`, and `tracestate` behind a line break where there is one. Peers need no propagator to be configured alike. */
export function carrierOf({ traceId, spanId, traceFlags, traceState }: SpanContext): string {
  const parent = `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
  const state = traceState?.serialize() ?? '';
  return state === '' ? parent : `${parent}\n${state}`;
}

/** @returns the root context where the carrier is none: what a peer sends never fails a call */
export function contextOf(carrier: string): Context {
  const [parent = '', state = ''] = carrier.split('\n', 2);
  const [, traceId = '', spanId = '', flags = '00'] = TRACEPARENT.exec(parent) ?? [];
  const spanContext: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(state !== '' && { traceState: createTraceState(state) }),
  };
  return isSpanContextValid(spanContext) ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT;
}
