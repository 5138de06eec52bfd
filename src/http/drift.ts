// GET /v1/drift: whether lines and sensors still are as they were at calibration.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Drift } from '../drift/drift.js';
import { identifier } from '../inspection.js';
import { problems } from './problem.js';

export interface DriftRouteOptions {
  readonly drift: Pick<Drift, 'report'>;
}

const share = z.number().min(0).max(1);
const count = z.int().min(0);

const branch = z.object({
  branch: z.string(),
  share: share.describe('of the captures of this line, recipe and model'),
  scores: count,
  calibrationParts: count,
  state: z.enum(['stable', 'moderate', 'shifted', 'too_few']),
  psi: z.number().nullable().describe('population stability index; null where there are too few scores'),
  limit: z.number().nullable().describe('the index from which on the state is shifted'),
  bins: z.array(z.object({ upTo: share, expected: share, actual: share })),
});
const line = z.object({
  lineId: z.string().nullable(),
  recipe: z.string().nullable(),
  model: z.string(),
  captures: count,
  notDecidable: count,
  oldest: z.string(),
  newest: z.string(),
  branches: z.array(branch),
});
const sensor = z.object({
  lineId: z.string().nullable(),
  stationId: z.string().nullable(),
  recipe: z.string().nullable(),
  modality: z.string(),
  state: z.enum(['alive', 'dead', 'frozen']),
  missedCaptures: count.describe('in a row, since it last came'),
  sameCaptures: count.describe('in a row, with the very same signal'),
  lastSeenAt: z.string(),
});

const schema = {
  tags: ['drift'],
  summary: 'Scores of each line, recipe and branch against the calibration, and the state of each sensor',
  querystring: z.strictObject({ lineId: identifier.optional(), recipe: identifier.optional() }),
  response: {
    200: z.object({
      since: z.string().describe('when this process began to watch'),
      lines: z.array(line),
      sensors: z.array(sensor),
    }),
    '4xx': problems,
    '5xx': problems,
  },
};

export function driftRoutes(instance: FastifyInstance, { drift }: DriftRouteOptions): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  server.get('/v1/drift', { schema }, async ({ query }) => drift.report(query));
}
