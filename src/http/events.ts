// GET /v1/events: the feed as server-sent events, for browsers and for whoever would otherwise poll.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { verdict } from '../inspection.js';
import { assertPosition, type Following, follow, type Step } from '../push/follow.js';
import type { ResultStore } from '../store/store.js';
import { problems } from './problem.js';

export interface EventRouteOptions {
  readonly store: Pick<ResultStore, 'list' | 'waitForNext' | 'end'>;
  readonly closing: AbortSignal;
  readonly eventsMaxClients: number;
  readonly metrics: { eventReaders(count: number): void };
  /** A test is less patient. */
  readonly stallMs?: number;
}

/** Shorter than proxies' patience with a connection that says nothing. */
const HEARTBEAT_MS = 15_000;
/** A client that has taken nothing for so long is cut off: its place may be another's. */
const STALL_MS = 30_000;
/** "The user agent must wait a delay equal to the reconnection time": longer than a closing port stays open. */
const RETRY_MS = 2000;

const schema = {
  tags: ['push'],
  summary: 'The feed as server-sent events',
  querystring: z.strictObject({
    lineId: z.string().max(128).optional(),
    verdict: verdict.optional(),
    after: z
      .string()
      .max(512)
      .optional()
      .describe('a cursor of the feed or an id of an event; "0": from the first record; absent: from now on'),
  }),
  headers: z.looseObject({ 'last-event-id': z.string().max(512).optional() }),
  response: {
    200: { content: { 'text/event-stream': { schema: z.string() } } },
    '4xx': problems,
    '5xx': problems,
  },
};

export function eventRoutes(instance: FastifyInstance, options: EventRouteOptions): void {
  const { store, closing, eventsMaxClients, metrics, stallMs = STALL_MS } = options;
  const server = instance.withTypeProvider<ZodTypeProvider>();
  let readers = 0;
  const count = (change: 1 | -1) => {
    readers += change;
    metrics.eventReaders(readers);
  };

  server.get('/v1/events', { schema }, async ({ query, headers }, reply) => {
    if (readers >= eventsMaxClients)
      throw new ServiceError('TOO_MANY_READERS', {
        detail:
          `${readers} clients read /v1/events, which is all there may be (EVENTS_MAX_CLIENTS): ` +
          'close one, raise it, or poll GET /v1/inspections.',
        retryAfterSeconds: 10,
      });
    count(1);
    reply.raw.once('close', () => count(-1));
    // "Last-Event-ID" is where a client was that lost its connection; its address still says where it began.
    const asked = headers['last-event-id'] ?? query.after;
    if (asked !== undefined) await assertPosition(store, asked);
    const from = asked ?? (await store.end());
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const following = {
      feed: store,
      from,
      filter: {
        ...(query.lineId === undefined ? {} : { lineId: query.lineId }),
        ...(query.verdict === undefined ? {} : { verdicts: [query.verdict] }),
      },
      idleMs: HEARTBEAT_MS,
      signal: AbortSignal.any([closing, gone.signal]),
    };
    reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no').type('text/event-stream');
    const stream = Readable.from(messages(following, reply, stallMs), {
      objectMode: false,
      highWaterMark: 1,
    });
    // A stream is sent as it is, whatever the type of the answer says.
    return reply.send(stream as never);
  });
}

/** Pulled: while a client takes nothing, nothing is read for it. */
async function* messages(following: Following, reply: FastifyReply, stallMs: number): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`;
  for await (const step of follow(following)) {
    const stalled = setTimeout(() => reply.raw.destroy(), stallMs);
    try {
      yield messageOf(step);
    } finally {
      clearTimeout(stalled);
    }
  }
}

/** An id without data moves on where the client will ask again, and shows it no event. */
function messageOf({ event, position }: Step): string {
  if (event === undefined) return `: still here\nid: ${position}\n\n`;
  // JSON has no raw line break, which would end the data.
  return `id: ${position}\nevent: ${event.type}\ndata: ${JSON.stringify(event.inspection)}\n\n`;
}
