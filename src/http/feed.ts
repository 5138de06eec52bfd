// GET /v1/inspections: the feed, page by page, held open until something comes where asked.
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { identifier, inspectionSchema, verdict } from '../inspection.js';
import type { ListQuery, Page, ResultStore } from '../store/store.js';
import { problems } from './problem.js';

export interface FeedRouteOptions {
  readonly store: Pick<ResultStore, 'list' | 'waitForNext'>;
  readonly closing: AbortSignal;
}

const MAX_PAGE = 500;
const MAX_WAIT_SECONDS = 30;

/** What every list of records takes. */
export const pageQuery = {
  after: z
    .string()
    .max(256)
    .optional()
    .describe('nextCursor of an earlier page; absent: from the first record'),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
};
export const pageSchema = z.object({ items: z.array(inspectionSchema), nextCursor: z.string() });

const schema = {
  tags: ['inspections'],
  summary: 'The feed: every inspection in its newest revision, in the order they were stored',
  querystring: z.strictObject({
    ...pageQuery,
    lineId: identifier.optional(),
    verdict: verdict.optional(),
    wait: z.coerce.number().min(0).max(MAX_WAIT_SECONDS).default(0).describe('seconds to wait for a record'),
  }),
  // Loose: what Fastify validates it also replaces.
  headers: z.looseObject({ 'if-none-match': z.string().optional() }),
  response: {
    200: pageSchema,
    304: z.undefined().describe('The page is the one of the ETag in If-None-Match'),
    '4xx': problems,
    '5xx': problems,
  },
};

export function feedRoutes(instance: FastifyInstance, { store, closing }: FeedRouteOptions): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  server.get('/v1/inspections', { schema }, async ({ query, headers }, reply) => {
    const { after, limit, lineId, verdict, wait } = query;
    const asked = {
      limit,
      ...(after === undefined ? {} : { after }),
      ...(lineId === undefined ? {} : { lineId }),
      ...(verdict === undefined ? {} : { verdict }),
    };
    const signal = AbortSignal.any([closing, closedBy(reply)]);
    const page = await longPoll(store, asked, wait * 1000, signal);
    const etag = etagOf(page);
    reply.header('etag', etag).header('cache-control', 'no-cache');
    if (names(headers['if-none-match'], etag)) return reply.code(304).send();
    return { items: [...page.items], nextCursor: page.nextCursor };
  });
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

/** Weak: a record never changes within its revision, but another release may write it otherwise. */
function etagOf({ items, nextCursor }: Page): string {
  const hash = createHash('sha256').update(nextCursor);
  for (const { inspectionId, revision } of items) hash.update(` ${inspectionId}.${revision}`);
  return `W/"${hash.digest('base64url').slice(0, 22)}"`;
}

/** "the weak comparison function" (RFC 9110, 13.1.2): W/ makes no difference. */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  const tags = ifNoneMatch?.split(',').map(opaque) ?? [];
  return tags.includes('*') || tags.includes(opaque(etag));
}

function closedBy(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}
