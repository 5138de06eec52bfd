// POST a capture; look inspections up, one by one or as a feed.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import type { Inspect } from '../inspect.js';
import { deadlineMs, inspectionSchema, verdict } from '../inspection.js';
import type { ListQuery, Page, ResultStore } from '../store/store.js';
import type { ByteBudget } from './byte-budget.js';
import { captureBody } from './capture-body.js';
import type { MetricsPage } from './metrics.js';
import { PROBLEM_TYPE, problem } from './problem.js';
import { announcedBytes } from './read-body.js';
import { bodyCopies, readCapture } from './read-capture.js';
import { watchClient } from './waiting-client.js';

export interface InspectionRouteOptions {
  readonly inspect: Inspect;
  readonly admit: (deadlineMs?: number) => void;
  readonly store: Pick<ResultStore, 'get' | 'list' | 'waitForNext'>;
  readonly budget: ByteBudget;
  readonly metrics: Pick<MetricsPage, 'inFlight' | 'received' | 'bodyStalled'>;
  readonly closing: AbortSignal;
  readonly hurry: AbortSignal;
  readonly bodyLimitBytes: number;
  readonly bodyStallMs: number;
  readonly defaultDeadlineMs: number;
}

const MAX_PAGE = 500;
const MAX_WAIT_SECONDS = 30;

/** As text, in a query or a header. */
const patience = z
  .string()
  .regex(/^\d{1,6}$/, 'must be whole milliseconds, 1 to 600000')
  .transform(Number)
  .pipe(deadlineMs);
const problems = { content: { [PROBLEM_TYPE]: { schema: problem } } };

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
  headers: z.looseObject({ 'x-deadline-ms': patience.optional() }),
  response: { 200: inspectionSchema, '4xx': problems, '5xx': problems },
};

const listQuery = z.strictObject({
  after: z.string().optional().describe('nextCursor of an earlier page; absent: from the first record'),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
  lineId: z.string().optional(),
  verdict: verdict.optional(),
  wait: z.coerce.number().min(0).max(MAX_WAIT_SECONDS).default(0).describe('seconds to wait for a record'),
});

const listSchema = {
  tags: ['inspections'],
  summary: 'The feed: every inspection once, in the order it was stored',
  querystring: listQuery,
  response: {
    200: z.object({ items: z.array(inspectionSchema), nextCursor: z.string() }),
    '4xx': problems,
    '5xx': problems,
  },
};

const getSchema = {
  tags: ['inspections'],
  summary: 'One inspection',
  params: z.object({ id: z.string().max(128) }),
  response: { 200: inspectionSchema, '4xx': problems, '5xx': problems },
};

export function inspectionRoutes(instance: FastifyInstance, options: InspectionRouteOptions): void {
  const { inspect, admit, budget, store, metrics, closing, hurry } = options;
  const { bodyLimitBytes, bodyStallMs, defaultDeadlineMs } = options;
  const server = instance.withTypeProvider<ZodTypeProvider>();

  server.post(
    '/v1/inspections',
    {
      schema: postSchema,
      config: { documentedBody: captureBody },
      onRequest: async (request, reply) => {
        const known = knownPatience(request);
        admit(known === undefined ? undefined : performance.now() + known);
        metrics.inFlight(1);
        reply.raw.once('close', () => metrics.inFlight(-1));
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
        metrics.received((performance.now() - receivedMs) / 1000);
        const patienceMs = known ?? received.metadata.deadlineMs ?? defaultDeadlineMs;
        if (known === undefined) client.waitFor(patienceMs);
        const times = { receivedAt, receivedMs, deadlineMs: receivedMs + patienceMs };
        const { reservePixels } = claim;
        return await inspect({ ...received, ...times, signal, reservePixels, model: request.query.model });
      } finally {
        claim.release();
      }
    },
  );

  server.get('/v1/inspections/:id', { schema: getSchema }, async ({ params }) => {
    const inspection = await store.get(params.id);
    if (inspection === undefined) throw noInspection(params.id);
    return inspection;
  });

  server.get('/v1/inspections', { schema: listSchema }, async ({ query }, reply) => {
    const { after, limit, lineId, verdict, wait } = query;
    const asked = {
      limit,
      ...(after === undefined ? {} : { after }),
      ...(lineId === undefined ? {} : { lineId }),
      ...(verdict === undefined ? {} : { verdict }),
    };
    const signal = AbortSignal.any([closing, closedBy(reply)]);
    const { items, nextCursor } = await longPoll(store, asked, wait * 1000, signal);
    return { items: [...items], nextCursor };
  });
}

/** What stands outside the body wins: by it a capture is refused before its body is read. Not validated yet. */
function knownPatience({ query, headers }: FastifyRequest): number | undefined {
  const { deadlineMs = headers['x-deadline-ms'] } = query as { deadlineMs?: unknown };
  return patience.safeParse(deadlineMs).data;
}

export function noInspection(id: string): ServiceError {
  return new ServiceError('NOT_FOUND', { detail: `There is no inspection "${id}".`, part: 'id' });
}

/** The first page that holds something, or the empty one when the time is over. */
async function longPoll(
  store: Pick<ResultStore, 'list' | 'waitForNext'>,
  query: ListQuery,
  waitMs: number,
  signal: AbortSignal,
): Promise<Page> {
  const untilMs = performance.now() + waitMs;
  let page = await store.list(query);
  for (;;) {
    const leftMs = untilMs - performance.now();
    if (page.items.length > 0 || leftMs <= 0 || signal.aborted) return page;
    // On from what was read: records the filter leaves out must not end the wait again and again.
    await store.waitForNext(page.nextCursor, leftMs, signal);
    page = await store.list({ ...query, after: page.nextCursor });
  }
}

function closedBy(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}
