// What browsers are told about every answer, and the limits that are the server's own.
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../errors.js';

/** Node keeps no more than two thousand, and drops the rest without a word. */
const MAX_HEADERS = 100;

/** An answer that is no page loads and runs nothing, wherever it is opened. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** Swagger UI sets styles in its markup; it loads nothing from elsewhere. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function setSecurityHeaders(
  server: FastifyInstance,
  { overTls }: { readonly overTls: boolean },
): void {
  server.addHook('onRequest', async ({ raw, url }, reply) => {
    const isPage = url === '/docs' || url.startsWith('/docs/');
    reply.headers({
      'content-security-policy': isPage ? PAGE_POLICY : DATA_POLICY,
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      ...(overTls && { 'strict-transport-security': 'max-age=31536000' }),
    });
    if (raw.rawHeaders.length / 2 > MAX_HEADERS)
      throw new ServiceError('HEADERS_TOO_LARGE', {
        detail: `The request has more than ${MAX_HEADERS} headers, which no client of this API needs.`,
      });
  });
}
