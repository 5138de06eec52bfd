// Captures that come in pieces, and what has become of any capture: PUT the pieces, POST :complete, GET the state.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Captures } from '../captures/captures.js';
import type { CaptureView } from '../captures/view.js';
import { ServiceError } from '../errors.js';
import { captureMetadata, deadlineMs, identifier } from '../inspection.js';
import { noInspection } from '../store/revise.js';
import type { ResultStore } from '../store/store.js';
import { assertOwnLine } from './access.js';
import { captureAnswer, inspectionAnswer } from './answers.js';
import type { ByteBudget } from './byte-budget.js';
import { jsonBodyOf, readJsonBytes } from './json-body.js';
import type { MetricsPage } from './metrics.js';
import { METADATA_LIMIT_BYTES } from './multipart.js';
import { captureLine, inspectionLine, jsonOrLine } from './plain-text.js';
import { problems } from './problem.js';
import { announcedBytes, readBody } from './read-body.js';
import { parseMetadata } from './read-capture.js';
import { prefer, prefersAsync, REPLAYED, sendAccepted } from './respond-async.js';
import { watchClient } from './waiting-client.js';

export interface CaptureRouteOptions {
  readonly captures: Captures;
  readonly store: Pick<ResultStore, 'get'>;
  readonly budget: ByteBudget;
  readonly metrics: Pick<MetricsPage, 'bodyStalled'>;
  readonly closing: AbortSignal;
  readonly hurry: AbortSignal;
  readonly bodyLimitBytes: number;
  readonly bodyStallMs: number;
  readonly defaultDeadlineMs: number;
}

const MAX_WAIT_SECONDS = 30;

const tags = ['captures'];
const params = z.object({ captureId: identifier });
const refusals = { '4xx': problems, '5xx': problems };

const binary = { schema: { type: 'string', format: 'binary' } };
const pieceBody = {
  content: { 'image/*': binary, 'audio/wav': binary, 'application/octet-stream': binary },
};

const pieceSchema = {
  tags,
  summary: 'One modality of a capture that comes in pieces',
  params: params.extend({ name: identifier }),
  response: { 200: captureAnswer, 201: captureAnswer, ...refusals },
};

const metadataSchema = {
  tags,
  summary: 'The metadata of a capture that comes in pieces',
  params,
  response: { 200: captureAnswer, 201: captureAnswer, ...refusals },
};

const completeSchema = {
  tags,
  summary: 'Judge a capture with the pieces that have come',
  params,
  headers: z.looseObject({ prefer }),
  querystring: z.strictObject({
    deadlineMs: z.coerce
      .number()
      .pipe(deadlineMs)
      .optional()
      .describe('how long the answer is worth waiting for'),
  }),
  response: { 200: inspectionAnswer, 202: captureAnswer, ...refusals },
};

const stateSchema = {
  tags,
  summary: 'What has become of a capture',
  params,
  querystring: z.strictObject({
    wait: z.coerce
      .number()
      .min(0)
      .max(MAX_WAIT_SECONDS)
      .default(0)
      .describe('seconds to wait until it is judged or set aside'),
  }),
  response: { 200: captureAnswer, ...refusals },
};

export function captureRoutes(instance: FastifyInstance, options: CaptureRouteOptions): void {
  const { captures, store, bodyStallMs, defaultDeadlineMs, closing, hurry } = options;
  const server = instance.withTypeProvider<ZodTypeProvider>();

  server.put(
    '/v1/captures/:captureId/modalities/:name',
    { schema: pieceSchema, config: { documentedBody: pieceBody } },
    async (request, reply) => {
      const { captureId, name } = request.params;
      const { view, created } = await withBody(request, options, hurry, (bytes) =>
        captures.putPiece(captureId, name, bytes),
      );
      reply.code(created ? 201 : 200);
      return jsonOrLine(request, reply, view, captureLine);
    },
  );

  server.put(
    '/v1/captures/:captureId/metadata',
    { schema: metadataSchema, config: { documentedBody: jsonBodyOf(captureMetadata) } },
    async (request, reply) => {
      const body = await readJsonBytes(request, { bodyStallMs, maxBytes: METADATA_LIMIT_BYTES });
      const metadata = parseMetadata(body.toString('utf8'));
      assertOwnLine(request, metadata.lineId);
      const { view, created } = await captures.putMetadata(request.params.captureId, metadata);
      reply.code(created ? 201 : 200);
      return jsonOrLine(request, reply, view, captureLine);
    },
  );

  // The colon is doubled because one alone would begin a parameter.
  server.post('/v1/captures/:captureId(.+)::complete', { schema: completeSchema }, async (request, reply) => {
    const { captureId } = request.params;
    if (prefersAsync(request)) return sendAccepted(request, reply, await captures.acceptComplete(captureId));
    const client = watchClient(reply, performance.now() - reply.elapsedTime, hurry);
    const patienceMs = request.query.deadlineMs ?? defaultDeadlineMs;
    client.waitFor(patienceMs);
    const { inspection, replayed } = await captures.complete(captureId, patienceMs, client.signal);
    if (replayed) reply.header(REPLAYED, 'true');
    return jsonOrLine(request, reply, inspection, inspectionLine);
  });

  server.get('/v1/captures/:captureId', { schema: stateSchema }, async (request, reply) => {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const { params, query } = request;
    const signal = AbortSignal.any([closing, gone.signal]);
    const view = await captures.find(params.captureId, query.wait * 1000, signal);
    return jsonOrLine(request, reply, view, () => verdictOrState(view, store));
  });
}

async function verdictOrState(view: CaptureView, store: Pick<ResultStore, 'get'>): Promise<string> {
  if (view.inspection === null || view.state === 'FAILED') return captureLine(view);
  const inspection = await store.get(view.inspectionId);
  if (inspection === undefined) throw noInspection(view.inspectionId);
  return inspectionLine(inspection);
}

/** Under the byte budget, until `use` is done with it. */
async function withBody<T>(
  request: FastifyRequest,
  { budget, metrics, bodyLimitBytes, bodyStallMs }: CaptureRouteOptions,
  signal: AbortSignal,
  use: (bytes: Buffer) => Promise<T>,
): Promise<T> {
  if (request.body !== 'raw')
    throw new ServiceError('UNSUPPORTED_MEDIA_TYPE', {
      detail: 'Send the file itself as image/*, audio/wav or application/octet-stream.',
    });
  const announced = announcedBytes(request.raw, bodyLimitBytes);
  const claim = budget.claim(announced, 1);
  try {
    const onStall = metrics.bodyStalled;
    const reading = { announcedBytes: announced, bodyLimitBytes, bodyStallMs, claim, signal, onStall };
    return await use(await readBody(request.raw, reading));
  } finally {
    claim.release();
  }
}
