// GET /v1/models: what is loaded, what it takes, how well it was validated, and what it runs on.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Bundle } from '../bundle/bundle.js';
import { modalitySpec } from '../bundle/manifest.js';
import type { ModelRegistry } from '../bundle/registry.js';
import type { ProviderReport } from '../worker/protocol.js';
import { problems } from './problem.js';

export interface ModelRouteOptions {
  readonly models: ModelRegistry;
  readonly provider: () => ProviderReport;
}

export const providerReport = z.object({
  active: z.string(),
  refused: z.array(z.object({ provider: z.string(), why: z.string() })),
});

const ratio = z.number().nullable();

const model = z.object({
  name: z.string(),
  version: z.int(),
  sha256: z.string(),
  default: z.boolean(),
  licence: z.string(),
  createdAt: z.string(),
  provider: providerReport,
  modalities: z.array(modalitySpec),
  branches: z.array(
    z.object({
      id: z.string(),
      modalities: z.array(z.string()),
      frame: z.string(),
      thresholds: z.object({ review: z.number(), reject: z.number() }),
      metrics: z.object({ imageAuroc: ratio, pixelAuroc: ratio, aupro: ratio, on: z.string() }).nullable(),
    }),
  ),
});
type ModelDescription = z.infer<typeof model>;

const schema = {
  tags: ['models'],
  summary: 'The loaded models',
  response: { 200: z.object({ models: z.array(model) }), '4xx': problems, '5xx': problems },
};

export function modelRoutes(instance: FastifyInstance, { models, provider }: ModelRouteOptions): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  server.get('/v1/models', { schema }, async () => ({
    models: models.bundles.map((bundle) => describe(bundle, bundle === models.defaultBundle, provider())),
  }));
}

function describe(
  { manifest, sha256 }: Bundle,
  isDefault: boolean,
  report: ProviderReport,
): ModelDescription {
  return {
    name: manifest.name,
    version: manifest.version,
    sha256,
    default: isDefault,
    licence: manifest.licence,
    createdAt: manifest.createdAt,
    provider: { active: report.active, refused: [...report.refused] },
    modalities: manifest.modalities,
    branches: manifest.branches.map(({ id, modalities, frame, thresholds, metrics }) => ({
      id,
      modalities,
      frame,
      thresholds,
      metrics,
    })),
  };
}
