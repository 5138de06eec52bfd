// GET /metrics, and what is observed of every request.
import type { FastifyInstance } from 'fastify';

export interface MetricsPage {
  readonly contentType: string;
  scrape(): Promise<string>;
  httpAnswered(method: string, route: string, status: number, seconds: number): void;
  inFlight(change: 1 | -1): void;
  /** From the request to the last byte of its body. */
  received(tookMs: number): void;
  bodyStalled(): void;
  eventReaders(count: number): void;
}

export function metricsRoutes(server: FastifyInstance, { metrics }: { metrics: MetricsPage }): void {
  server.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.scrape()),
  );
}

/** Route patterns, never URLs, are labels: ids would make a series each. */
export function observeRequests(server: FastifyInstance, metrics: MetricsPage): void {
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.httpAnswered(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
  });
}
