// What people say of inspections: POST a review, GET the queue of those that still need one.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { identifier, inspectionSchema, reviewDecision } from '../inspection.js';
import type { ResultStore } from '../store/store.js';
import { pageQuery, pageSchema } from './feed.js';
import { jsonBodyOf, readJsonBody } from './json-body.js';
import { problems } from './problem.js';

export interface ReviewRouteOptions {
  readonly store: Pick<ResultStore, 'review' | 'openReviews'>;
  readonly bodyStallMs: number;
}

const reviewBody = z.strictObject({
  decision: reviewDecision,
  by: identifier,
  note: z
    .string()
    .max(2000)
    .regex(/^(\P{Cc}|\n)*$/u, 'must not contain control characters other than line breaks')
    .optional(),
});

const postSchema = {
  tags: ['reviews'],
  summary: "Say whether the machine was right; its verdict stays as it is, beside the person's",
  params: z.object({ id: identifier }),
  response: { 200: inspectionSchema, '4xx': problems, '5xx': problems },
};

const queueSchema = {
  tags: ['reviews'],
  summary: 'The queue: inspections with the verdict REVIEW that nobody has reviewed yet, oldest first',
  querystring: z.strictObject({ state: z.literal('open').default('open'), ...pageQuery }),
  response: { 200: pageSchema, '4xx': problems, '5xx': problems },
};

export function reviewRoutes(instance: FastifyInstance, { store, bodyStallMs }: ReviewRouteOptions): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  const config = { documentedBody: jsonBodyOf(reviewBody) };
  server.post('/v1/inspections/:id/reviews', { schema: postSchema, config }, async (request) => {
    const { decision, by, note = null } = await readJsonBody(request, reviewBody, { bodyStallMs });
    return store.review(request.params.id, { decision, by, note, at: new Date().toISOString() });
  });

  server.get('/v1/reviews', { schema: queueSchema }, async ({ query: { after, limit } }) => {
    const page = await store.openReviews({ limit, ...(after === undefined ? {} : { after }) });
    return { items: [...page.items], nextCursor: page.nextCursor };
  });
}
