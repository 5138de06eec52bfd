// Holds the query, the headers and the path of a request to the schemas of its route, for Fastify.
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { badRequest, IN_OUR_WORDS } from './wording.js';

const PLACES: Readonly<Record<string, string>> = {
  querystring: 'The query',
  headers: 'The headers',
  params: 'The address',
};

/** The error is a ServiceError BAD_REQUEST, in the words for a field of a body. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart = '' }) =>
  (value: unknown) => {
    const parsed = schema.safeParse(value, IN_OUR_WORDS);
    if (parsed.success) return { value: parsed.data };
    return { error: badRequest(parsed.error, PLACES[httpPart] ?? 'The request') };
  };
