// Traces over the service's socket: what the client is told, what is logged, and what a collector gets.
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { traceRequests } from '../../src/http/trace.js';
import { openOtlpTracing } from '../../src/tracing/otlp.js';
import { parseTraceparent } from '../../src/tracing/trace-context.js';
import { plainTracing } from '../../src/tracing/tracing.js';
import { captureForm } from '../support/client.js';
import { freePort, spawnService, untilReady } from '../support/process.js';
import { type Receiver, startReceiver } from '../support/receiver.js';
import { type RunningService, startService } from '../support/service.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentSpanId = '00f067aa0ba902b7';
const recorded = `00-${traceId}-${parentSpanId}-01`;
const unrecorded = `00-${traceId}-${parentSpanId}-00`;
const STAGES = ['receive', 'decode', 'gate', 'queue', 'run', 'judge', 'store'];

/** As OTLP's JSON has it. */
interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly status: { readonly code?: number };
}

let good: GoldenCapture;
beforeAll(async () => {
  good = await goldenCapture(0);
});

const post = (url: string, headers: Record<string, string> = {}, parts = good.parts) =>
  fetch(`${url}/v1/inspections`, {
    method: 'POST',
    headers,
    body: captureForm(parts, { captureId: 'traced', lineId: 'line-1' }),
  });

describe('without a collector', () => {
  const running: ChildProcess[] = [];
  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  it('goes on with the trace of the caller, in the answer and in each line of the log', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'branchline-trace-'));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const service = spawnService({ PORT: `${port}`, STORE_PATH: join(folder, 'store'), LOG_LEVEL: 'info' });
    running.push(service.child);
    await untilReady(url, service);
    const answered = await post(url, { traceparent: recorded });
    expect(parseTraceparent(answered.headers.get('traceresponse') ?? '')).toMatchObject({
      traceId,
      sampled: false,
    });
    expect(answered.headers.get('traceresponse')).not.toBe(recorded);
    const refused = await fetch(`${url}/v1/inspections/nobody`, { headers: { traceparent: unrecorded } });
    const { spanId } = parseTraceparent(refused.headers.get('traceresponse') ?? '') ?? {};
    const alone = await fetch(`${url}/v1/inspections/nobody`, { headers: { traceparent: 'nonsense' } });
    const own = parseTraceparent(alone.headers.get('traceresponse') ?? '');
    expect(own?.traceId).not.toBe(traceId);
    service.child.kill('SIGTERM');
    await service.exited;
    expect(service.log().filter(({ code }) => code === 'NOT_FOUND')).toMatchObject([
      { trace_id: traceId, span_id: spanId },
      { trace_id: own?.traceId, span_id: own?.spanId },
    ]);
    await rm(folder, { recursive: true, force: true });
  });
});

describe('the fields of a log line', () => {
  const current = { traceId, spanId: parentSpanId, sampled: true };
  const loggerWith = (bindings: object) => ({ bindings: () => bindings }) as never;

  it('are those of the request it is logged for, once', () => {
    const { mixin } = traceRequests({ ...plainTracing, current: () => current });
    expect(mixin({}, 30, loggerWith({}))).toEqual({ trace_id: traceId, span_id: parentSpanId });
    expect(mixin({}, 30, loggerWith({ trace_id: traceId }))).toEqual({});
    expect(traceRequests(plainTracing).mixin({}, 30, loggerWith({}))).toEqual({});
  });
});

describe('spans that cannot be sent', () => {
  it('are told of in the name of no request', async () => {
    const toldWithin: unknown[] = [];
    const tracing = openOtlpTracing({
      endpoint: `http://127.0.0.1:${await freePort()}`,
      ...{ serviceName: 'line-4', ratio: 1 },
      onFailure: () => toldWithin.push(tracing.current()),
    });
    const trace = tracing.begin({ method: 'GET', url: '/v1/models', traceparent: recorded });
    await new Promise<void>((resolve) =>
      tracing.within(trace, () => {
        tracing.end(trace, { route: '/v1/models', status: 200 });
        void tracing.close().then(resolve);
      }),
    );
    expect(toldWithin.length).toBeGreaterThan(0);
    expect(toldWithin.filter((current) => current !== undefined)).toEqual([]);
  });
});

describe('with a collector', () => {
  let collector: Receiver;
  let service: RunningService;
  beforeEach(async () => {
    collector = await startReceiver((response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
    );
  });
  // Also where a test failed before it came to its end.
  afterEach(async () => {
    await service.close();
    await collector.close();
  });

  const start = async (env: Record<string, string> = {}) => {
    service = await startService({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      OTEL_SERVICE_NAME: 'line-4',
      ...env,
    });
    return service.url;
  };
  /** All that comes until the service has ended. */
  const spansAtTheEnd = async (): Promise<Span[]> => {
    await service.close();
    return collector.received.flatMap(({ body }) =>
      JSON.parse(body).resourceSpans.flatMap((one: { scopeSpans: { spans: Span[] }[] }) =>
        one.scopeSpans.flatMap(({ spans }) => spans),
      ),
    );
  };

  it('is sent the request and its stages, within the trace of the caller', async () => {
    const answered = await post(await start(), { traceparent: recorded });
    const inspection = (await answered.json()) as { inspectionId: string; verdict: string };
    const spans = await spansAtTheEnd();
    expect(collector.received[0]?.path).toBe('/v1/traces');
    expect(collector.received[0]?.body).toContain('{"key":"service.name","value":{"stringValue":"line-4"}}');
    const request = spans.find(({ name }) => name === 'POST /v1/inspections');
    expect(request).toMatchObject({ traceId, parentSpanId, kind: 2, status: {} });
    expect(answered.headers.get('traceresponse')).toBe(`00-${traceId}-${request?.spanId}-01`);
    const attributes = Object.fromEntries(
      (request?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
    );
    expect(attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/inspections',
      'http.response.status_code': 200,
      'branchline.inspection': inspection.inspectionId,
      'branchline.verdict': inspection.verdict,
      'branchline.model': 'tiny@1',
      'branchline.branch': 'acoustic+depth+rgb',
      'branchline.line': 'line-1',
    });
    const stages = spans.filter((span) => span !== request);
    expect(stages.map(({ name }) => name).sort()).toEqual([...STAGES].sort());
    for (const stage of stages) {
      expect(stage).toMatchObject({ traceId, parentSpanId: request?.spanId });
      const [from, to] = [request?.startTimeUnixNano ?? 0, request?.endTimeUnixNano ?? 0].map(BigInt);
      // Clocks of two kinds, to the millisecond.
      expect(BigInt(stage.startTimeUnixNano)).toBeGreaterThanOrEqual((from ?? 0n) - 2_000_000n);
      expect(BigInt(stage.endTimeUnixNano)).toBeLessThanOrEqual((to ?? 0n) + 2_000_000n);
    }
  });

  it('is sent what was recorded of a capture that was refused, and nothing of probes', async () => {
    const url = await start();
    await fetch(`${url}/health/ready`);
    await fetch(`${url}/metrics`);
    await post(url, {}, { rgb: Buffer.from('no picture') });
    const spans = await spansAtTheEnd();
    expect(spans.map(({ name }) => name)).toEqual(['receive', 'POST /v1/inspections']);
  });

  it('is sent nothing of a trace that its caller does not record', async () => {
    const answered = await post(await start(), { traceparent: unrecorded });
    expect(answered.headers.get('traceresponse')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    expect(await spansAtTheEnd()).toEqual([]);
  });

  it('is sent as large a share as it should be of the traces that begin here, and all of those of callers', async () => {
    const url = await start({ OTEL_TRACES_SAMPLER_ARG: '0' });
    await post(url);
    await post(url, { traceparent: recorded });
    expect((await spansAtTheEnd()).map((span) => span.traceId)).toEqual(
      // The second is a replay: no stage but the receiving.
      Array.from({ length: 2 }, () => traceId),
    );
  });

  it('may be away: captures are judged, and the service ends in time', async () => {
    const url = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
    expect((await post(url)).status).toBe(200);
    const startedMs = performance.now();
    expect(await spansAtTheEnd()).toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});
