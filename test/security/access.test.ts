// The guard itself, on servers of a few routes: what has no row, what goes too far, what browsers are told.
import { afterEach, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { guardRoutes } from '../../src/http/access.js';
import type { Problem } from '../../src/http/problem.js';
import { limitRates } from '../../src/http/rate-limit.js';
import { createServer } from '../../src/http/server.js';

const options = {
  bodyLimitBytes: 1,
  bodyStallMs: 1,
  defaultDeadlineMs: 1,
  eventsMaxClients: 1,
  logLevel: 'silent',
};
/** Every secret is a key of that name, which may read. */
const identify = (id: string) => ({ caller: { id, scopes: new Set(['read' as const]), lines: undefined } });

let server: FastifyInstance;
afterEach(() => server.close());

function guarded(): FastifyInstance {
  server = createServer(options, new AbortController().signal, () => {});
  guardRoutes(server, {
    identify,
    metricsAccess: 'open',
    store: { get: async () => undefined },
    captures: { lineOf: async () => undefined },
    nowMs: () => 0,
    onRefused: () => {},
  });
  return server;
}

it('does not become ready with a route that has no row in the table', async () => {
  guarded();
  server.get('/v1/models', async () => 'listed');
  server.post('/v1/forgotten', async () => 'anybody may');
  await expect(server.ready()).rejects.toThrow(/no row for POST \/v1\/forgotten: say there who may use it/);
});

it('refuses a key that asks too often, says how long, and lets others go on', async () => {
  guarded();
  await limitRates(server, { perMinute: 3 });
  server.get('/v1/models', async () => 'listed');
  server.get('/health/live', async () => 'live');
  const ask = (id: string, url = '/v1/models') => server.inject({ url, headers: { 'x-api-key': id } });
  for (let i = 0; i < 3; i++) expect((await ask('mes')).statusCode).toBe(200);
  const refused = await ask('mes');
  expect(refused.statusCode).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect(refused.json<Problem>()).toMatchObject({ code: 'RATE_LIMITED' });
  expect(refused.json<Problem>().detail).toContain('"mes" has asked 3 times within a minute');
  expect((await ask('dashboard')).statusCode).toBe(200);
  expect((await ask('mes', '/health/live')).statusCode).toBe(200);
});

it('tells browsers to load nothing and to believe no other type', async () => {
  guarded();
  server.get('/v1/models', async () => 'listed');
  const { headers } = await server.inject({ url: '/v1/models', headers: { 'x-api-key': 'mes' } });
  expect(headers).toMatchObject({
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
  expect(headers).not.toHaveProperty('access-control-allow-origin');
  expect(headers).not.toHaveProperty('strict-transport-security');
});
