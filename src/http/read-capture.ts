// Reads a capture in whichever form it comes: multipart, one raw part, or JSON with base64.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { type CaptureMetadata, captureMetadata } from '../inspection.js';
import { parseJson } from './json-text.js';
import { assertMetadataSize, METADATA_PART, readMultipart } from './multipart.js';
import { type BodyReading, readBody } from './read-body.js';
import { IN_OUR_WORDS } from './wording.js';

export interface ReceivedCapture {
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly metadata: CaptureMetadata;
}

export interface CaptureQuery {
  /** For a raw body: which modality it is. */
  readonly modality?: string | undefined;
  /** For a raw body: what the metadata part says elsewhere, as JSON. */
  readonly metadata?: string | undefined;
}

export const jsonCapture = z.strictObject({
  metadata: captureMetadata.optional(),
  /** By modality: the file's bytes, base64. */
  modalities: z.record(z.string(), z.base64('must be base64')),
});

/** What a body that is not multipart is by its content type, as the parsers of `server.ts` say; it is read here. */
export type BodyForm = 'json' | 'raw';

/** JSON is held as bytes, as text, and once more as strings that become files. */
export const JSON_COPIES = 3;

/** How often each byte of the body is held. */
export function bodyCopies(request: FastifyRequest): number {
  return !request.isMultipart() && formOf(request) === 'json' ? JSON_COPIES : 1;
}

/** Without a content type there is no body: that it is no capture is said in the words for JSON. */
function formOf(request: FastifyRequest): BodyForm {
  return (request.body as BodyForm | undefined) ?? 'json';
}

/**
 * Throws ServiceError BAD_MULTIPART, BAD_METADATA, BAD_REQUEST, DUPLICATE_PART, PART_TOO_LARGE, and as readBody.
 */
export async function readCapture(
  request: FastifyRequest,
  query: CaptureQuery,
  reading: BodyReading,
): Promise<ReceivedCapture> {
  if (request.isMultipart()) {
    const { parts, metadata } = await readMultipart(request, reading);
    return { parts, metadata: parseMetadata(metadata?.toString('utf8')) };
  }
  const body = await readBody(request.raw, reading);
  return formOf(request) === 'raw' ? readRaw(body, query) : readJson(body);
}

function readRaw(body: Buffer, { modality, metadata }: CaptureQuery): ReceivedCapture {
  if (modality === undefined)
    throw new ServiceError('BAD_REQUEST', {
      detail: 'A raw body needs ?modality= to say which modality it is.',
      part: 'modality',
    });
  return { parts: new Map([[modality, body]]), metadata: parseMetadata(metadata) };
}

function readJson(body: Buffer): ReceivedCapture {
  const parsed = jsonCapture.safeParse(parseJson(body), IN_OUR_WORDS);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const inMetadata = issue?.path[0] === METADATA_PART;
    throw new ServiceError(inMetadata ? 'BAD_METADATA' : 'BAD_REQUEST', {
      detail: inMetadata ? describe(issue) : `The JSON body is not a capture: ${describe(issue)}`,
      ...(issue?.path.length ? { part: String(issue.path[inMetadata ? 0 : issue.path.length - 1]) } : {}),
    });
  }
  const { metadata = {}, modalities } = parsed.data;
  const parts = new Map(
    Object.entries(modalities).map(([name, base64]) => [name, Buffer.from(base64, 'base64')]),
  );
  return { parts, metadata };
}

/** Throws ServiceError BAD_METADATA, PART_TOO_LARGE. */
export function parseMetadata(text: string | undefined): CaptureMetadata {
  if (text === undefined) return {};
  assertMetadataSize(Buffer.byteLength(text));
  const refuse = (detail: string, cause?: unknown) =>
    new ServiceError('BAD_METADATA', { detail, part: METADATA_PART, cause });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw refuse(`The metadata is not JSON: ${(cause as Error).message}.`, cause);
  }
  const parsed = captureMetadata.safeParse(json, IN_OUR_WORDS);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw refuse(describe(issue && { ...issue, path: [METADATA_PART, ...issue.path] }));
}

function describe(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'It is not valid.';
  const where = z.core.toDotPath(issue.path);
  return where === '' ? `${issue.message}.` : `${where}: ${issue.message}.`;
}
