// Spans of requests and their stages to a collector, by OTLP over HTTP. Sole importer of OpenTelemetry.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { parseTraceparent, type TraceContext } from './trace-context.js';
import { plainTracing, type TracedRequest, type Tracing } from './tracing.js';

export interface OtlpOptions {
  /** Of the collector; "/v1/traces" is added. */
  readonly endpoint: string;
  readonly serviceName: string;
  /** Of the traces that begin here, 0 to 1; those of callers are recorded where the caller's are. */
  readonly ratio: number;
  readonly onFailure: (detail: string) => void;
}

/** Probes and scrapes come every few seconds and would be most of what is recorded. */
const TRACED = '/v1/';
const EXPORT_TIMEOUT_MS = 2000;
const CLOSE_TIMEOUT_MS = 2000;

export function openOtlpTracing(options: OtlpOptions): Tracing {
  const running = new AsyncLocalStorage<TraceContext>();
  // Sent from within whichever request came first: its trace has nothing to do with it.
  const onFailure = (detail: string) => running.exit(() => options.onFailure(detail));
  const provider = openProvider({ ...options, onFailure });
  const tracer = provider.getTracer('branchline');
  const spans = new WeakMap<TraceContext, { readonly span: Span; readonly method: string }>();
  const currentSpan = () => {
    const current = running.getStore();
    return current && spans.get(current)?.span;
  };
  return {
    begin(request) {
      if (!request.url.startsWith(TRACED)) return plainTracing.begin(request);
      const { method } = request;
      const attributes = { 'http.request.method': method };
      const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parentOf(request));
      const { traceId, spanId, traceFlags } = span.spanContext();
      const context = { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
      if (context.sampled) spans.set(context, { span, method });
      return context;
    },
    within: (context, run) => running.run(context, run),
    current: () => running.getStore(),
    stage(name, startMs, endMs) {
      const span = currentSpan();
      if (span === undefined) return;
      const startTime = performance.timeOrigin + startMs;
      tracer
        .startSpan(name, { startTime }, trace.setSpan(ROOT_CONTEXT, span))
        .end(performance.timeOrigin + endMs);
    },
    describe: (attributes) => currentSpan()?.setAttributes(attributes),
    end(context, { route = 'none', status }) {
      const held = spans.get(context);
      if (held === undefined) return;
      const { span, method } = held;
      span.updateName(`${method} ${route}`);
      span.setAttributes({ 'http.route': route, 'http.response.status_code': status });
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
    close: async () => {
      // It rejects with the last spans that could not be sent.
      const sent = provider.shutdown().catch(({ message }: Error) => onFailure(message));
      await Promise.race([sent, pause(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
      diag.disable();
    },
  };
}

function parentOf({ traceparent }: TracedRequest) {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parent;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function openProvider({ endpoint, serviceName, ratio, onFailure }: OtlpOptions): TracerProvider {
  const ignore = () => {};
  const logger = { error: onFailure, warn: onFailure, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  return new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'service.instance.id': randomUUID(),
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
}
