import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { LogId } from '../core/base/types';
import type { CallTrace } from '../runtime/events/call-tracer';
import type { CallOutcome } from '../runtime/base/request-kind';
import { carrierOf } from './trace-context';

/** The spans of one call on one node: its own, and those of the parts of its way. */
export class CallSpans implements CallTrace {
  private forward: Span | undefined;
  private persist: Span | undefined;
  private commit: Span | undefined;
  private apply: Span | undefined;

  constructor(
    private readonly tracer: Tracer,
    private readonly span: Span,
    private readonly inSpan: Context,
    private readonly attributes: Attributes,
  ) {}

  /** The span of the way to the leader begins here: the leader's spans are below it. */
  carrier(): string {
    this.forward?.end();
    this.forward = this.part('raft.forward', SpanKind.CLIENT);
    return carrierOf(this.forward.spanContext());
  }

  forwarded(to: string): void {
    this.forward?.setAttribute('raft.leader', to);
  }

  appended({ term, index }: LogId): void {
    this.span.setAttributes({ 'raft.index': index, 'raft.term': term });
    this.persist = this.part('raft.persist');
    this.commit = this.part('raft.commit');
  }

  persisted(): void {
    this.persist?.end();
    this.persist = undefined;
  }

  committed(): void {
    this.commit?.end();
    this.commit = undefined;
    this.apply = this.part('raft.apply');
  }

  ended(outcome: CallOutcome): void {
    for (const part of [this.forward, this.persist, this.commit, this.apply]) part?.end();
    this.span.setAttribute('raft.outcome', outcome);
    // A refusal by the state machine is an answer, as a 422 is one.
    if (outcome !== 'applied' && outcome !== 'rejected')
      this.span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
    this.span.end();
  }

  private part(name: string, kind = SpanKind.INTERNAL): Span {
    return this.tracer.startSpan(name, { kind, attributes: this.attributes }, this.inSpan);
  }
}
