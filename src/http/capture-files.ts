// GET a file of a capture as it was sent, where originals are kept.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { type Inspection, identifier } from '../inspection.js';
import { type FileFormat, sniff } from '../modality/sniff.js';
import { noInspection } from '../store/revise.js';
import type { ResultStore } from '../store/store.js';
import { problems } from './problem.js';

/** By what the file is, not by what its sender called it. */
const CONTENT_TYPES: Readonly<Record<FileFormat, string>> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  tiff: 'image/tiff',
  npy: 'application/x-npy',
  wav: 'audio/wav',
};
/** Of a part that was dropped because it is none of these. */
const UNKNOWN_TYPE = 'application/octet-stream';

const binary = z.any().meta({ type: 'string', format: 'binary' });

const schema = {
  tags: ['inspections'],
  summary: 'The file of one modality as it was sent, where it is kept',
  params: z.object({ id: identifier, modality: identifier }),
  response: {
    200: {
      content: Object.fromEntries(
        [...Object.values(CONTENT_TYPES), UNKNOWN_TYPE].map((type) => [type, { schema: binary }]),
      ),
    },
    '4xx': problems,
    '5xx': problems,
  },
};

export function captureFileRoutes(
  instance: FastifyInstance,
  { store }: { readonly store: Pick<ResultStore, 'get' | 'original'> },
): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  server.get('/v1/inspections/:id/captures/:modality', { schema }, async (request, reply) => {
    const { id, modality } = request.params;
    const inspection = await store.get(id);
    if (inspection === undefined) throw noInspection(id);
    const file = await store.original(id, modality);
    if (file === undefined) throw notKept(inspection, modality);
    return reply.type(contentTypeOf(file)).send(Buffer.from(file));
  });
}

function contentTypeOf(file: Uint8Array): string {
  try {
    return CONTENT_TYPES[sniff(file)];
  } catch {
    return UNKNOWN_TYPE;
  }
}

function notKept(inspection: Inspection, modality: string): ServiceError {
  return new ServiceError('NOT_FOUND', { detail: whyNotKept(inspection, modality), part: 'modality' });
}

function whyNotKept({ inspectionId, state, modalities }: Inspection, modality: string): string {
  if (state === 'FAILED')
    return `Inspection ${inspectionId} was set aside before it was judged: none of its files is kept, its "failure" says why.`;
  const { used, dropped, unused } = modalities;
  const arrived = [...used, ...unused, ...dropped.map(({ name }) => name)];
  if (!arrived.includes(modality))
    return `Inspection ${inspectionId} came without "${modality}"; it came with: ${arrived.join(', ')}.`;
  return (
    `The file of "${modality}" of inspection ${inspectionId} is not kept: originals are not kept for this verdict ` +
    '(KEEP_ORIGINALS and KEEP_CAPTURES, or the retention of its recipe), there was no room for it, newer ones took ' +
    'its place, or it has got too old (RETAIN_OK_IMAGES_DAYS, RETAIN_FLAGGED_IMAGES_DAYS).'
  );
}
