// Reads and checks the small JSON body of a request that is no capture.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { parseJson } from './json-text.js';
import { announcedBytes, readBody } from './read-body.js';
import { badRequest, IN_OUR_WORDS } from './wording.js';

export interface JsonBodyLimits {
  /** A body of which nothing comes for so long is cut off. */
  readonly bodyStallMs: number;
  readonly maxBytes?: number;
}

/** A thousand ids and their revisions fit. */
const MAX_BYTES = 256 * 1024;

const AS_SENT = { target: 'draft-2020-12', io: 'input' } as const;

/** For the OpenAPI document: `config: { documentedBody: jsonBodyOf(schema) }`. */
export function jsonBodyOf(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, AS_SENT);
  return { content: { 'application/json': { schema: rest } } };
}

/** Throws ServiceError BAD_REQUEST, naming the field at fault, and as readJsonBytes. */
export async function readJsonBody<T>(
  request: FastifyRequest,
  schema: z.ZodType<T>,
  limits: JsonBodyLimits,
): Promise<T> {
  const parsed = schema.safeParse(parseJson(await readJsonBytes(request, limits)), IN_OUR_WORDS);
  if (!parsed.success) throw badRequest(parsed.error, 'The body');
  parsedBodies.set(request, parsed.data);
  return parsed.data;
}

const NEVER = new AbortController().signal;

/**
 * Too small to be worth a claim on the memory budget. Throws ServiceError UNSUPPORTED_MEDIA_TYPE where the body says
 * it is no JSON, and as readBody.
 */
export async function readJsonBytes(
  request: FastifyRequest,
  { bodyStallMs, maxBytes = MAX_BYTES }: JsonBodyLimits,
): Promise<Buffer> {
  // 'json' is what the parser of server.ts says; without a content type there is no body to say anything of.
  if (request.body !== undefined && request.body !== 'json')
    throw new ServiceError('UNSUPPORTED_MEDIA_TYPE', {
      detail: `Send application/json here, not ${request.headers['content-type']}.`,
    });
  try {
    return await readBody(request.raw, {
      announcedBytes: announcedBytes(request.raw, maxBytes),
      bodyLimitBytes: maxBytes,
      bodyStallMs,
      onStall: () => {},
      claim: { growBody: () => {} },
      signal: NEVER,
    });
  } catch (error) {
    // The capture's words name BODY_LIMIT_BYTES, which is another limit.
    if (!(error instanceof ServiceError) || error.code !== 'BODY_TOO_LARGE') throw error;
    throw new ServiceError('BODY_TOO_LARGE', {
      detail: `The body is over ${maxBytes} bytes, which is more than this request can need.`,
    });
  }
}

const parsedBodies = new WeakMap<FastifyRequest, unknown>();

/** What readJsonBody made of it; undefined where it did not, or not yet. */
export function parsedBodyOf(request: FastifyRequest): unknown {
  return parsedBodies.get(request);
}
