// Reads a small JSON body: a setting, not a capture.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { announcedBytes, readBody } from './read-body.js';

/** Settings are a few lines of text; what they hold is not worth a place in the byte budget. */
const LIMIT_BYTES = 64 * 1024;

export interface JsonBodyReading {
  readonly bodyStallMs: number;
  readonly onStall: () => void;
}

/** For the OpenAPI document: the body itself is read by the route. */
export function documentedJson(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
  return { content: { 'application/json': { schema: rest } } };
}

/** An empty body is `{}`. Throws ServiceError BAD_REQUEST naming the field at fault, and as readBody does. */
export async function readJson<T>(
  request: FastifyRequest,
  schema: z.ZodType<T>,
  { bodyStallMs, onStall }: JsonBodyReading,
): Promise<T> {
  const body = await readBody(request.raw, {
    announcedBytes: announcedBytes(request.raw, LIMIT_BYTES),
    bodyLimitBytes: LIMIT_BYTES,
    bodyStallMs,
    onStall,
    claim: { growBody: () => {} },
    signal: new AbortController().signal,
  });
  const parsed = schema.safeParse(parseJson(body.toString('utf8')));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : z.core.toDotPath(issue.path);
  throw new ServiceError('BAD_REQUEST', {
    detail: `${where === '' ? 'The body' : where}: ${issue?.message ?? 'it is not valid'}.`,
    ...(where === '' ? {} : { part: where }),
  });
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new ServiceError('BAD_REQUEST', {
      detail: `The body is not valid JSON: ${(cause as Error).message}.`,
      cause,
    });
  }
}
