// The counters of each line, and their reset at a change-over.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { identifier } from '../inspection.js';
import { noLine, ratiosOf } from '../store/line-counts.js';
import type { LineCounts, ResultStore } from '../store/store.js';
import { jsonBodyOf, readJsonBody } from './json-body.js';
import { problems } from './problem.js';

export interface LineRouteOptions {
  readonly store: Pick<ResultStore, 'lines' | 'line' | 'resets' | 'resetLine'>;
  readonly bodyStallMs: number;
}

const ratio = z.number().nullable();

const counters = {
  inspected: z.int(),
  failed: z.int(),
  verdicts: z.object({ OK: z.int(), REVIEW: z.int(), NG: z.int(), NOT_DECIDABLE: z.int() }),
  reviews: z.object({
    falseCalls: z.int(),
    confirmedCalls: z.int(),
    misses: z.int(),
    confirmedGood: z.int(),
    reworked: z.int(),
  }),
  parts: z.object({ inspected: z.int(), firstPassOk: z.int(), repeats: z.int() }),
  falseCallRatio: ratio,
  missRatio: ratio,
  firstPassYield: ratio,
};
const line = z.object({ lineId: z.string(), since: z.string(), ...counters });
const changeover = z.object({
  at: z.string(),
  by: z.string(),
  reason: z.string(),
  since: z.string(),
  ...counters,
});

const params = z.object({ lineId: identifier });
const resetBody = z.strictObject({
  by: identifier,
  reason: z
    .string()
    .min(1)
    .max(500)
    .regex(/^\P{Cc}*$/u, 'must not contain control characters'),
});

const tags = ['lines'];
const listSchema = {
  tags,
  summary: 'The counters of every line since its last change-over',
  response: { 200: z.object({ lines: z.array(line) }), '4xx': problems, '5xx': problems },
};
const getSchema = {
  tags,
  summary: 'The counters of one line, and its change-overs, the newest first',
  params,
  response: { 200: line.extend({ resets: z.array(changeover) }), '4xx': problems, '5xx': problems },
};
const resetSchema = {
  tags,
  summary: 'A change-over: record the counters, and begin again',
  params,
  response: { 200: changeover, '4xx': problems, '5xx': problems },
};

export function lineRoutes(instance: FastifyInstance, { store, bodyStallMs }: LineRouteOptions): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  server.get('/v1/lines', { schema: listSchema }, async () => ({
    lines: (await store.lines()).map(({ lineId, since, counts }) => ({ lineId, since, ...shown(counts) })),
  }));

  server.get('/v1/lines/:lineId', { schema: getSchema }, async ({ params: { lineId } }) => {
    const found = await store.line(lineId);
    if (found === undefined) throw noLine(lineId);
    const resets = await store.resets(lineId);
    return {
      lineId,
      since: found.since,
      ...shown(found.counts),
      resets: resets.map(({ counts, ...event }) => ({ ...event, ...shown(counts) })),
    };
  });

  const config = { documentedBody: jsonBodyOf(resetBody) };
  // The expression lets a line's name hold a colon of its own; "::" is how the router writes one.
  server.post('/v1/lines/:lineId(.+)::reset', { schema: resetSchema, config }, async (request) => {
    const { by, reason } = await readJsonBody(request, resetBody, { bodyStallMs });
    const at = new Date().toISOString();
    const { counts, ...event } = await store.resetLine(request.params.lineId, { by, reason, at });
    return { ...event, ...shown(counts) };
  });
}

function shown(counts: LineCounts) {
  const { inspected, failed, OK, REVIEW, NG, NOT_DECIDABLE, parts, firstPassOk, repeats, ...reviews } =
    counts;
  return {
    inspected,
    failed,
    verdicts: { OK, REVIEW, NG, NOT_DECIDABLE },
    reviews,
    parts: { inspected: parts, firstPassOk, repeats },
    ...ratiosOf(counts),
  };
}
