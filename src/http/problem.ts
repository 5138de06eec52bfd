// Every error as application/problem+json (RFC 9457), from the one table; never a 500 for a client's mistake.
import { z } from 'zod';
import { type ErrorCode, ServiceError } from '../errors.js';
import { asText } from './plain-text.js';

export const PROBLEM_TYPE = 'application/problem+json';

export const problem = z.object({
  /** "identifies the problem type" (RFC 9457, 3.1.1): one for each code. */
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  /** The same as detail: what clients of the Open Inference Protocol read. */
  error: z.string(),
  /** The part or field at fault. */
  part: z.string().optional(),
});
export type Problem = z.infer<typeof problem>;

/** What a route answers instead, in its schema. */
export const problems = {
  content: { [PROBLEM_TYPE]: { schema: problem }, ...asText('ERROR, the code, the detail') },
};

export function toProblem(error: ServiceError): Problem {
  return {
    type: `urn:branchline:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: error.title,
    status: error.status,
    detail: error.message,
    code: error.code,
    error: error.message,
    ...(error.part === undefined ? {} : { part: error.part }),
  };
}

/** What Fastify and its plugins throw, by status; whatever they add later stays a 4xx. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  404: 'NOT_FOUND',
  406: 'NOT_ACCEPTABLE',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
};

/** Where Fastify's own words do not say what would be right. */
const DETAILS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE:
    'Send application/json; a capture also as multipart/form-data, or one part raw as image/*, audio/wav or ' +
    'application/octet-stream.',
};

export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { statusCode, message, code } = error as { statusCode?: number; message?: string; code?: string };
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500)
    return new ServiceError('INTERNAL', { detail: 'The service failed; its log says why.', cause: error });
  return new ServiceError(BY_STATUS[statusCode] ?? 'BAD_REQUEST', {
    detail: DETAILS[code ?? ''] ?? message ?? 'The request is not understood.',
    cause: error,
  });
}
