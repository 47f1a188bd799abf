import { context, type Context, SpanKind, trace, type Tracer, type TracerProvider } from '@opentelemetry/api';
import type { CallTrace, CallTracer, TracedCall } from '../runtime/events/call-tracer';
import { CallSpans } from './call-spans';
import { contextOf } from './trace-context';

/** @publicApi */
export interface OpenTelemetryTracerOptions {
  /** Where the spans go. Default: the provider that is registered when a call is traced. */
  readonly tracerProvider?: TracerProvider;
  /** Attributes that every span gets, such as `{ 'raft.node': 'n1' }`. Default: none. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** Whether queries are traced too, not only commands. Default true. */
  readonly reads?: boolean;
}

const NAME = 'nestjs-raft';

/**
 * Traces each call through the cluster with OpenTelemetry: `raft.propose` at the node that was called, `raft.forward` where it goes
 * to the leader, and there, in the same trace, `raft.propose` again with `raft.persist`, `raft.commit` and `raft.apply` below.
 *
 * @example
 * ```ts
 * RaftModule.forRoot({ …, tracer: openTelemetryTracer({ attributes: { 'raft.node': 'n1' } }) })
 * ```
 * @publicApi
 */
export function openTelemetryTracer(options: OpenTelemetryTracerOptions = {}): CallTracer {
  const { tracerProvider, attributes = {}, reads = true } = options;
  const tracer = (): Tracer => (tracerProvider ?? trace).getTracer(NAME);
  return {
    begin(call: TracedCall): CallTrace | undefined {
      const parent = parentOf(call);
      if (!isTraced(call, parent, reads)) return undefined;
      const spans = tracer();
      const span = spans.startSpan(
        `raft.${call.kind}`,
        {
          kind: call.carrier === undefined ? SpanKind.INTERNAL : SpanKind.SERVER,
          attributes: { ...attributes, 'raft.call.bytes': call.bytes },
        },
        parent,
      );
      return new CallSpans(spans, span, trace.setSpan(parent, span), attributes);
    },
  };
}

function parentOf({ carrier }: TracedCall): Context {
  return carrier === undefined ? context.active() : contextOf(carrier);
}

/** What a node asks for on behalf of reads that share it is nobody's call: it is traced only as a part of one. */
function isTraced({ kind, carrier }: TracedCall, parent: Context, reads: boolean): boolean {
  if (kind === 'propose') return true;
  if (!reads) return false;
  return kind === 'query' || carrier !== undefined || trace.getSpan(parent) !== undefined;
}
