// Reads and checks the small JSON body of a request that is no capture.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { announcedBytes, readBody } from './read-body.js';

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

/**
 * Throws ServiceError BAD_REQUEST, naming the field at fault, UNSUPPORTED_MEDIA_TYPE where the body says it is none,
 * and as readBody.
 */
export async function readJsonBody<T>(
  request: FastifyRequest,
  schema: z.ZodType<T>,
  { bodyStallMs, maxBytes = MAX_BYTES }: JsonBodyLimits,
): Promise<T> {
  // 'json' is what the parser of server.ts says; without a content type there is no body to say anything of.
  if (request.body !== undefined && request.body !== 'json')
    throw new ServiceError('UNSUPPORTED_MEDIA_TYPE', {
      detail: `Send application/json here, not ${request.headers['content-type']}.`,
    });
  const parsed = schema.safeParse(parseJson(await readSmall(request, bodyStallMs, maxBytes)));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = z.core.toDotPath(issue?.path ?? []);
  throw new ServiceError('BAD_REQUEST', {
    detail: `${where === '' ? 'The body' : where}: ${issue?.message ?? 'not valid'}.`,
    ...(where === '' ? {} : { part: where }),
  });
}

const NEVER = new AbortController().signal;

/** Too small to be worth a claim on the memory budget. */
async function readSmall(request: FastifyRequest, bodyStallMs: number, maxBytes: number): Promise<Buffer> {
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

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ServiceError('BAD_REQUEST', {
      detail: `The body is not valid JSON: ${(cause as Error).message}.`,
      cause,
    });
  }
}
