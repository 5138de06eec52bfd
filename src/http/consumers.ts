// Where each reader of the feed stands: acks, position and lag.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { identifier } from '../inspection.js';
import type { ResultStore } from '../store/store.js';
import { jsonBodyOf, readJsonBody } from './json-body.js';
import { problems } from './problem.js';

export interface ConsumerRouteOptions {
  readonly store: Pick<ResultStore, 'ack' | 'ackUpTo' | 'consumer' | 'consumers' | 'forgetConsumer'>;
  readonly bodyStallMs: number;
}

const MAX_ACKS = 1000;

const params = z.object({
  name: z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, ".", "_" or "-"'),
});

const ackBody = z.union(
  [
    z.strictObject({
      /** A text, or with the revision that was read: then a newer one is not acked unseen. */
      ids: z
        .array(z.union([identifier, z.strictObject({ id: identifier, revision: z.int().min(1) })]))
        .min(1)
        .max(MAX_ACKS),
    }),
    z.strictObject({ cursor: z.string().max(256) }),
  ],
  `must be {"ids": […]}, 1 to ${MAX_ACKS} of them, each a text or {"id", "revision"}; or {"cursor": "…"}`,
);

const outcome = z.enum(['ACKED', 'ALREADY_ACKED', 'SUPERSEDED', 'UNKNOWN']);
const standing = z.object({
  name: z.string(),
  /** Everything up to it is acked: `after` of the next page. */
  cursor: z.string(),
  /** Inspections in the feed that are not acked. */
  lag: z.int(),
  /** Acked beyond the cursor, behind one that is not. */
  ahead: z.int(),
  updatedAt: z.string(),
});

const ackSchema = {
  tags: ['consumers'],
  summary: 'Mark inspections as done, by id or up to a cursor; an outcome for each',
  params,
  response: {
    200: z.object({
      /** In the order of the request; of a cursor, one. */
      outcomes: z.array(z.object({ id: z.string().optional(), cursor: z.string().optional(), outcome })),
    }),
    '4xx': problems,
    '5xx': problems,
  },
};
const getSchema = {
  tags: ['consumers'],
  summary: 'Position and lag of one consumer',
  params,
  response: { 200: standing, '4xx': problems, '5xx': problems },
};
const listSchema = {
  tags: ['consumers'],
  summary: 'Position and lag of every consumer',
  response: { 200: z.object({ consumers: z.array(standing) }), '4xx': problems, '5xx': problems },
};
const deleteSchema = {
  tags: ['consumers'],
  summary: 'Forget a consumer that is no longer used',
  params,
  response: { 204: z.undefined().describe('It is forgotten'), '4xx': problems, '5xx': problems },
};

export function consumerRoutes(instance: FastifyInstance, options: ConsumerRouteOptions): void {
  const { store, bodyStallMs } = options;
  const server = instance.withTypeProvider<ZodTypeProvider>();
  const config = { documentedBody: jsonBodyOf(ackBody) };

  server.post('/v1/consumers/:name/ack', { schema: ackSchema, config }, async (request) => {
    const { name } = request.params;
    const body = await readJsonBody(request, ackBody, { bodyStallMs });
    if ('cursor' in body)
      return { outcomes: [{ cursor: body.cursor, outcome: await store.ackUpTo(name, body.cursor) }] };
    const acks = body.ids.map((ack) => (typeof ack === 'string' ? { id: ack, revision: undefined } : ack));
    const outcomes = await store.ack(
      name,
      acks.map(({ id, revision }) => ({ inspectionId: id, revision })),
    );
    return { outcomes: outcomes.map((outcome, i) => ({ id: acks[i]?.id, outcome })) };
  });

  server.get('/v1/consumers/:name', { schema: getSchema }, async ({ params: { name } }) => {
    const found = await store.consumer(name);
    if (found === undefined) throw noConsumer(name);
    return found;
  });

  server.get('/v1/consumers', { schema: listSchema }, async () => ({
    consumers: [...(await store.consumers())],
  }));

  server.delete('/v1/consumers/:name', { schema: deleteSchema }, async ({ params: { name } }, reply) => {
    if (!(await store.forgetConsumer(name))) throw noConsumer(name);
    return reply.code(204).send();
  });
}

function noConsumer(name: string): ServiceError {
  return new ServiceError('NOT_FOUND', {
    detail: `There is no consumer "${name}"; its first ack makes it. GET /v1/consumers lists those there are.`,
    part: 'name',
  });
}
