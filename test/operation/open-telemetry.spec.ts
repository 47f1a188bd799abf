import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { add, ALL, VirtualCluster, type VirtualNode } from '../runtime/virtual-cluster';
import { openTelemetryTracer } from 'nestjs-raft/opentelemetry';
import { carrierOf, contextOf } from '../../libs/raft/src/opentelemetry/trace-context';

const nodeOf = (span: ReadableSpan): unknown => span.attributes['raft.node'];

describe('openTelemetryTracer', () => {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  let cluster: VirtualCluster;
  let leader: VirtualNode;

  beforeAll(() => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  afterAll(() => context.disable());

  beforeEach(async () => {
    cluster = new VirtualCluster(3);
    const nodes = cluster.founders.map(({ id }) =>
      cluster.make(id, { tracer: openTelemetryTracer({ tracerProvider, attributes: { 'raft.node': id } }) }),
    );
    await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    leader = await cluster.leaderKnown();
    exporter.reset();
  });
  afterEach(() => cluster.stopAll());

  const spans = (name: string): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);
  const isBelow = (child: ReadableSpan, parent: ReadableSpan): void =>
    expect(child.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);

  it('makes one trace of a command that a follower sends on: its spans and the leader’s', async () => {
    const [follower] = cluster.followers() as [VirtualNode];
    // The first command that a node sends on opens the node's session, which is a story of its own.
    await cluster.ends(follower.raft.propose(add('a')));
    exporter.reset();
    const caller = tracerProvider.getTracer('test').startSpan('request');
    const proposed = context.with(trace.setSpan(ROOT_CONTEXT, caller), () => follower.raft.propose(add('a')));
    const { index } = await cluster.ends(proposed);
    caller.end();

    expect(new Set(exporter.getFinishedSpans().map((span) => span.spanContext().traceId)).size).toBe(1);
    const proposes = spans('raft.propose');
    const [here, there] = [follower, leader].map(({ name }) => proposes.find((span) => nodeOf(span) === name)!) as [
      ReadableSpan,
      ReadableSpan,
    ];
    const [forward] = spans('raft.forward') as [ReadableSpan];
    expect(here.parentSpanContext?.spanId).toBe(caller.spanContext().spanId);
    isBelow(forward, here);
    isBelow(there, forward);
    expect([here.kind, forward.kind, there.kind]).toEqual([SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.SERVER]);
    expect(forward.attributes).toMatchObject({ 'raft.leader': leader.name, 'raft.node': follower.name });
    expect(there.attributes).toMatchObject({ 'raft.index': index, 'raft.outcome': 'applied' });
    for (const name of ['raft.persist', 'raft.commit', 'raft.apply']) {
      expect(spans(name)).toHaveLength(1);
      isBelow(spans(name)[0]!, there);
      expect(nodeOf(spans(name)[0]!)).toBe(leader.name);
    }
  });

  it('begins a trace of its own where the caller has none', async () => {
    await cluster.ends(leader.raft.propose(add('a')));
    const [propose] = spans('raft.propose') as [ReadableSpan];
    expect(propose.parentSpanContext).toBeUndefined();
    expect(propose.kind).toBe(SpanKind.INTERNAL);
    expect(spans('raft.forward')).toEqual([]);
  });

  it('traces a query at the node that answers it', async () => {
    await cluster.ends(leader.raft.query(ALL));
    expect(spans('raft.query')).toHaveLength(1);
    expect(exporter.getFinishedSpans()).toHaveLength(1);
  });

  it('marks a call that failed with its code, and ends every span that it began', async () => {
    for (const { address } of cluster.followers()) cluster.network.partition([leader.address], [address]);
    await cluster.outcome(leader.raft.propose(add('lost'), { timeoutMs: 500 }));
    const [propose] = spans('raft.propose') as [ReadableSpan];
    expect(propose.status).toEqual({ code: SpanStatusCode.ERROR, message: 'RAFT_TIMEOUT' });
    expect(
      exporter
        .getFinishedSpans()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['raft.commit', 'raft.persist', 'raft.propose']);
  });

  it('leaves queries out where it is told so', () => {
    const tracer = openTelemetryTracer({ tracerProvider, reads: false });
    expect(tracer.begin({ kind: 'query', bytes: 1, carrier: undefined })).toBeUndefined();
    expect(tracer.begin({ kind: 'propose', bytes: 1, carrier: undefined })).toBeDefined();
  });
});

describe('The trace context between peers', () => {
  it('is the W3C text, and comes back as a remote context', () => {
    const carrier = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nvendor=x';
    const spanContext = trace.getSpanContext(contextOf(carrier))!;
    expect(spanContext).toMatchObject({ isRemote: true, traceFlags: 1 });
    expect(carrierOf(spanContext)).toBe(carrier);
  });

  it.each(['', 'nonsense', '00-00000000000000000000000000000000-b7ad6b7169203331-01', '01-ab-cd-00'])(
    'is none where a peer sends %j, and the call goes on without',
    (carrier) => {
      expect(contextOf(carrier)).toBe(ROOT_CONTEXT);
    },
  );
});
