// GET the heat map of an inspection: a picture, or its exact values, by negotiation.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ModalitySpec } from '../bundle/manifest.js';
import type { ModelRegistry } from '../bundle/registry.js';
import { ServiceError } from '../errors.js';
import { type Inspection, identifier } from '../inspection.js';
import type { StoredMap } from '../map-codec.js';
import { noInspection } from '../store/revise.js';
import type { ResultStore } from '../store/store.js';
import { CONTENT_TYPES, MAP_FORMATS, negotiateFormat } from './accept.js';
import { problems } from './problem.js';

export interface MapRenderer {
  png(
    map: StoredMap,
    options: { threshold: number; width: number; height: number; overlay?: Uint8Array },
  ): Promise<Buffer>;
  png16(map: StoredMap): Promise<Buffer>;
  npy(map: StoredMap): Buffer;
}

export interface HeatmapRouteOptions {
  readonly store: Pick<ResultStore, 'get' | 'map' | 'thumbnail'>;
  readonly models: Pick<ModelRegistry, 'find'>;
  readonly renderer: MapRenderer;
}

const FUSED = 'fused';
/** Sound has no pixels of its own, and its map as it is would be a stamp. */
const SOUND_MIN_WIDTH_PX = 256;
const binary = z.any().meta({ type: 'string', format: 'binary' });

const schema = {
  tags: ['inspections'],
  summary: 'Where the part is unusual: image/png, image/png;depth=16 or application/x-npy',
  params: z.object({ id: identifier }),
  querystring: z.strictObject({
    modality: z.string().optional().describe("one modality's own map; absent: the fused one"),
    overlay: z
      .stringbool()
      .optional()
      .describe('1: over the picture of the capture, where one is kept and shares the pixels of the map'),
    format: z.enum(MAP_FORMATS).optional().describe('instead of an Accept header'),
  }),
  response: {
    200: {
      content: Object.fromEntries(Object.values(CONTENT_TYPES).map((type) => [type, { schema: binary }])),
    },
    '4xx': problems,
    '5xx': problems,
  },
};

export function heatmapRoutes(instance: FastifyInstance, options: HeatmapRouteOptions): void {
  const { store, models, renderer } = options;
  const server = instance.withTypeProvider<ZodTypeProvider>();
  server.get('/v1/inspections/:id/heatmap', { schema }, async (request, reply) => {
    const { params, query } = request;
    const format = query.format ?? negotiateFormat(request.headers.accept);
    const inspection = await store.get(params.id);
    if (inspection === undefined) throw noInspection(params.id);
    const map = await store.map(params.id, query.modality ?? FUSED);
    if (map === undefined) throw noMap(inspection, query.modality);
    reply.header('vary', 'accept').type(CONTENT_TYPES[format]);
    if (format === 'npy') return reply.send(renderer.npy(map));
    if (format === 'png16') return reply.send(await renderer.png16(map));
    const covers = query.overlay && liesOnThumbnail(inspection, query.modality, models);
    const overlay = covers ? await store.thumbnail(params.id) : undefined;
    return reply.send(
      await renderer.png(map, {
        threshold: inspection.thresholds?.review ?? 0.5,
        ...pictureSize(inspection, query.modality, map, models),
        ...(overlay === undefined ? {} : { overlay }),
      }),
    );
  });
}

/** The pixels of the frame; whole multiples of the map's own where that is sound; its own where nobody knows. */
function pictureSize(
  { model, heatmap }: Inspection,
  modality: string | undefined,
  map: StoredMap,
  models: Pick<ModelRegistry, 'find'>,
): { width: number; height: number } {
  const spec = specOf(model, modality ?? heatmap?.frame, models);
  if (spec === undefined) return map;
  if (spec.kind !== 'audio') return spec;
  const factor = Math.ceil(SOUND_MIN_WIDTH_PX / map.width);
  return { width: map.width * factor, height: map.height * factor };
}

/** The thumbnail shows the frame's modality: a map of another one fits only where both share their pixels. */
function liesOnThumbnail(
  { model, heatmap }: Inspection,
  modality: string | undefined,
  models: Pick<ModelRegistry, 'find'>,
): boolean {
  if (modality === undefined || modality === FUSED || modality === heatmap?.frame) return true;
  return specOf(model, heatmap?.frame, models)?.registeredWith.includes(modality) ?? false;
}

function specOf(
  model: Inspection['model'],
  modality: string | undefined,
  models: Pick<ModelRegistry, 'find'>,
): ModalitySpec | undefined {
  const bundle = model === null ? undefined : models.find(`${model.name}@${model.version}`);
  return bundle?.manifest.modalities.find(({ name }) => name === modality);
}

function noMap(
  { inspectionId, heatmap, modalities }: Inspection,
  modality: string | undefined,
): ServiceError {
  if (heatmap === null)
    return new ServiceError('NOT_FOUND', {
      detail: `Inspection ${inspectionId} was not decidable, so it has no heat map.`,
    });
  if (modality === undefined || modality === FUSED || modalities.used.includes(modality))
    return new ServiceError('NOT_FOUND', {
      detail: `The maps of inspection ${inspectionId} are no longer kept (retention); its record is.`,
    });
  return new ServiceError('NOT_FOUND', {
    detail: `Inspection ${inspectionId} has no map of "${modality ?? FUSED}"; it has: ${modalities.used.join(', ')}.`,
    part: 'modality',
  });
}
