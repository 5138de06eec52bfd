// POST a capture; look one inspection up.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Captures } from '../captures/captures.js';
import { deadlineMs, identifier } from '../inspection.js';
import type { Arrival } from '../schedule/arrivals.js';
import { noInspection } from '../store/revise.js';
import type { ResultStore } from '../store/store.js';
import { assertOwnLine } from './access.js';
import { captureAnswer, inspectionAnswer } from './answers.js';
import type { ByteBudget } from './byte-budget.js';
import { captureBody } from './capture-body.js';
import type { MetricsPage } from './metrics.js';
import { inspectionLine, jsonOrLine } from './plain-text.js';
import { problems } from './problem.js';
import { announcedBytes } from './read-body.js';
import { bodyCopies, readCapture } from './read-capture.js';
import { prefer, prefersAsync, REPLAYED, sendAccepted } from './respond-async.js';
import { watchClient } from './waiting-client.js';

export interface InspectionRouteOptions {
  readonly captures: Pick<Captures, 'inspect' | 'accept'>;
  readonly arrive: (deadlineMs?: number) => Arrival;
  readonly store: Pick<ResultStore, 'get'>;
  readonly budget: ByteBudget;
  readonly metrics: Pick<MetricsPage, 'inFlight' | 'received' | 'bodyStalled'>;
  readonly hurry: AbortSignal;
  readonly bodyLimitBytes: number;
  readonly bodyStallMs: number;
  readonly defaultDeadlineMs: number;
}

/** As text, in a query or a header. */
const patience = z
  .string()
  .regex(/^\d{1,6}$/, 'must be whole milliseconds, 1 to 600000')
  .transform(Number)
  .pipe(deadlineMs);

const postSchema = {
  tags: ['inspections'],
  summary: 'Judge one capture',
  querystring: z.strictObject({
    model: z.string().optional().describe('"name" or "name@version"; otherwise the recipe\'s or the default'),
    modality: z.string().optional().describe('for a raw body: which modality it is'),
    metadata: z.string().optional().describe('for a raw body: the metadata, as JSON'),
    deadlineMs: patience.optional().describe('how long the answer is worth waiting for'),
  }),
  // Loose: what Fastify validates it also replaces, and the body's type and length stand here too.
  headers: z.looseObject({
    'x-deadline-ms': patience.optional().describe('the same; the query wins over it'),
    prefer,
  }),
  response: { 200: inspectionAnswer, 202: captureAnswer, '4xx': problems, '5xx': problems },
};

const getSchema = {
  tags: ['inspections'],
  summary: 'One inspection',
  params: z.object({ id: identifier }),
  response: { 200: inspectionAnswer, '4xx': problems, '5xx': problems },
};

export function inspectionRoutes(instance: FastifyInstance, options: InspectionRouteOptions): void {
  const { captures, arrive, budget, store, metrics, hurry } = options;
  const { bodyLimitBytes, bodyStallMs, defaultDeadlineMs } = options;
  const server = instance.withTypeProvider<ZodTypeProvider>();
  const arrivals = new WeakMap<FastifyRequest, Arrival>();

  server.post(
    '/v1/inspections',
    {
      schema: postSchema,
      config: { documentedBody: captureBody },
      onRequest: async (request, reply) => {
        const known = knownPatience(request);
        const arrival = prefersAsync(request)
          ? undefined
          : arrive(known === undefined ? undefined : performance.now() + known);
        if (arrival !== undefined) arrivals.set(request, arrival);
        metrics.inFlight(1);
        reply.raw.once('close', () => {
          metrics.inFlight(-1);
          arrival?.end();
        });
      },
    },
    async (request, reply) => {
      const receivedMs = performance.now() - reply.elapsedTime;
      const receivedAt = new Date();
      const client = watchClient(reply, receivedMs, hurry);
      const { signal } = client;
      const known = request.query.deadlineMs ?? request.headers['x-deadline-ms'];
      if (known !== undefined) client.waitFor(known);
      const announced = announcedBytes(request.raw, bodyLimitBytes);
      const claim = budget.claim(announced, bodyCopies(request));
      try {
        const onStall = metrics.bodyStalled;
        const reading = { announcedBytes: announced, bodyLimitBytes, bodyStallMs, claim, signal, onStall };
        const received = await readCapture(request, request.query, reading);
        metrics.received(performance.now() - receivedMs);
        assertOwnLine(request, received.metadata.lineId);
        const { model } = request.query;
        if (prefersAsync(request)) {
          const accepted = await captures.accept({ ...received, model });
          return sendAccepted(request, reply, accepted);
        }
        const patienceMs = known ?? received.metadata.deadlineMs ?? defaultDeadlineMs;
        if (known === undefined) client.waitFor(patienceMs);
        const times = { receivedAt, receivedMs, deadlineMs: receivedMs + patienceMs };
        const { reservePixels } = claim;
        const arrival = arrivals.get(request);
        const capture = { ...received, ...times, signal, reservePixels, model, arrival };
        const { inspection, replayed } = await captures.inspect(capture);
        if (replayed) reply.header(REPLAYED, 'true');
        const answer = await jsonOrLine(request, reply, inspection, inspectionLine);
        // Made here, not read: held to the schema again it would cost as much as writing it.
        if (answer === inspection) reply.serializer(JSON.stringify);
        return answer;
      } finally {
        claim.release();
      }
    },
  );

  server.get('/v1/inspections/:id', { schema: getSchema }, async (request, reply) => {
    const { id } = request.params;
    const inspection = await store.get(id);
    if (inspection === undefined) throw noInspection(id);
    return jsonOrLine(request, reply, inspection, inspectionLine);
  });
}

/** What stands outside the body wins: by it a capture is refused before its body is read. Not validated yet. */
function knownPatience({ query, headers }: FastifyRequest): number | undefined {
  const { deadlineMs = headers['x-deadline-ms'] } = query as { deadlineMs?: unknown };
  return patience.safeParse(deadlineMs).data;
}
