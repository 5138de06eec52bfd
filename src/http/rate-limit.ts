// Lets no caller ask more often than it may.
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../errors.js';
import { callerName } from '../security/caller.js';

const WINDOW_MS = 60_000;

/** After guardRoutes: without a key there is nobody to count. `perMinute` 0: no limit. */
export async function limitRates(
  server: FastifyInstance,
  { perMinute }: { readonly perMinute: number },
): Promise<void> {
  if (perMinute === 0) return;
  await server.register(rateLimit, {
    global: false,
    max: perMinute,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => request.caller?.id ?? '',
  });
  const count = server.createRateLimit();
  server.addHook('onRequest', async (request) => {
    const { caller } = request;
    if (caller === undefined) return;
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    throw new ServiceError('RATE_LIMITED', {
      detail:
        `The ${callerName(caller)} has asked ${perMinute} times within a minute, which is all it may ` +
        `(RATE_LIMIT_PER_MINUTE); it may again in ${counted.ttlInSeconds} s.`,
      retryAfterSeconds: counted.ttlInSeconds,
    });
  });
}
