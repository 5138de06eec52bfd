// GET /health/live: the process answers. GET /health/ready: it can judge a part now, or why not.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { providerReport } from './models.js';

const readiness = z.object({
  ready: z.boolean(),
  /** Empty where ready. */
  reasons: z.array(z.string()),
  /** Not reasons to send no captures, but to look: a store that fails, a provider fallen back to. */
  warnings: z.array(z.string()),
  workers: z.object({ ready: z.int(), wanted: z.int(), stuck: z.int() }),
  queueDepth: z.int(),
  provider: providerReport,
});
export type Readiness = z.infer<typeof readiness>;

export function healthRoutes(
  instance: FastifyInstance,
  options: { readonly readiness: () => Promise<Readiness> },
): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  const tags = ['health'];
  server.get(
    '/health/live',
    {
      schema: {
        tags,
        summary: 'The process answers',
        response: { 200: z.object({ status: z.literal('live') }) },
      },
    },
    async () => ({ status: 'live' as const }),
  );
  server.get(
    '/health/ready',
    {
      schema: {
        tags,
        summary: 'A capture would be judged now',
        response: { 200: readiness, 503: readiness },
      },
    },
    async (_request, reply) => {
      const state = await options.readiness();
      return reply.code(state.ready ? 200 : 503).send(state);
    },
  );
}
