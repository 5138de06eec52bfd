// The HTTP server: parsers, limits, documentation and routes around the line. Builds it; main listens.
import multipart from '@fastify/multipart';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import type { ModelRegistry } from '../bundle/registry.js';
import type { Captures } from '../captures/captures.js';
import type { ErrorCode } from '../errors.js';
import type { Recipes } from '../recipes/recipes.js';
import type { Arrival } from '../schedule/arrivals.js';
import type { AuditLog } from '../security/audit-log.js';
import type { Identify } from '../security/caller.js';
import type { ResultStore } from '../store/store.js';
import { plainTracing, type Tracing } from '../tracing/tracing.js';
import type { ProviderReport } from '../worker/protocol.js';
import { guardRoutes } from './access.js';
import { auditRefusals, auditRoutes } from './audit.js';
import type { ByteBudget } from './byte-budget.js';
import { captureFileRoutes } from './capture-files.js';
import { captureRoutes } from './captures.js';
import { consumerRoutes } from './consumers.js';
import { documentApi } from './documentation.js';
import { type DriftRouteOptions, driftRoutes } from './drift.js';
import { answerBrokenHttp, handleErrors, refuse } from './error-handler.js';
import { eventRoutes } from './events.js';
import { feedRoutes } from './feed.js';
import { healthRoutes, type Readiness } from './health.js';
import { heatmapRoutes, type MapRenderer } from './heatmap.js';
import { inspectionRoutes } from './inspections.js';
import { lineRoutes } from './lines.js';
import { type MetricsPage, metricsRoutes, observeRequests } from './metrics.js';
import { modelRoutes } from './models.js';
import { toServiceError } from './problem.js';
import { limitRates } from './rate-limit.js';
import type { BodyForm } from './read-capture.js';
import { recipeRoutes } from './recipes.js';
import { reviewRoutes } from './reviews.js';
import { setSecurityHeaders } from './security-headers.js';
import { traceRequests } from './trace.js';
import { validatorCompiler } from './validate.js';
import { shuttingDown } from './waiting-client.js';
import { type WebhookRouteOptions, webhookRoutes } from './webhooks.js';

/** As node:tls takes them. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.2';
  /** Of the clients: whoever has no certificate of it is not let in. */
  readonly ca?: string;
  readonly requestCert?: true;
  readonly rejectUnauthorized?: true;
}

/** A capture that trickles in for longer holds a connection for nobody. */
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * The client of Redis hangs what it had sent on its errors: the password, or a record with its maps. Of a cluster, the
 * error of a node is within another.
 */
const UNLOGGED = { paths: ['err.command.args', 'err.*.command.args'], remove: true };

export interface HttpOptions {
  readonly bodyLimitBytes: number;
  readonly bodyStallMs: number;
  readonly defaultDeadlineMs: number;
  readonly eventsMaxClients: number;
  readonly logLevel: string;
  /** undefined: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** Further ones are closed at once. */
  readonly maxConnections?: number;
  /** Absent: no more than ids. */
  readonly tracing?: Tracing;
}

/** What stands before every route. */
export interface Guard {
  /** undefined: every caller may do everything. */
  readonly identify: Identify | undefined;
  readonly metricsAccess: 'open' | 'read';
  /** Of each key; 0: no limit. */
  readonly ratePerMinute: number;
  readonly audit: Pick<AuditLog, 'append'> | undefined;
  readonly onAuditFailure: (error: unknown) => void;
}

/** What the routes need of the rooms; each route takes its share. */
export interface HttpRooms {
  readonly captures: Captures;
  readonly recipes: Recipes;
  /** Lets a capture in before its body is read. Throws ServiceError OVERLOADED, DEADLINE_UNREACHABLE. */
  readonly arrive: (deadlineMs?: number) => Arrival;
  readonly budget: ByteBudget;
  readonly store: ResultStore;
  readonly webhooks: WebhookRouteOptions['webhooks'];
  readonly drift: DriftRouteOptions['drift'];
  readonly models: ModelRegistry;
  readonly provider: () => ProviderReport;
  readonly readiness: () => Promise<Readiness>;
  readonly renderer: MapRenderer;
  readonly metrics: MetricsPage;
  readonly security: Guard;
  /** Aborts when the service is about to end: captures are still taken, but clients should go elsewhere. */
  readonly leaving: AbortSignal;
  /** Aborts when no more captures are taken. */
  readonly closing: AbortSignal;
  /** Aborts when there is no time to judge what still waits. */
  readonly hurry: AbortSignal;
}

/** Made first, for its log; without a route it answers nothing. */
export function createServer(
  options: HttpOptions,
  hurry: AbortSignal,
  onRefused: (code: ErrorCode) => void,
): FastifyInstance {
  const drainLimits = { stallMs: options.bodyStallMs, hurry };
  const traces = traceRequests(options.tracing ?? plainTracing);
  const server = Fastify({
    ...(options.tls && { https: options.tls as never }),
    logger: { level: options.logLevel, mixin: traces.mixin as never, redact: UNLOGGED },
    childLoggerFactory: traces.childLoggerFactory,
    clientErrorHandler: answerBrokenHttp,
    // What the router itself refuses reaches no error handler.
    frameworkErrors: (error, request, reply) => {
      const refusal = toServiceError(error);
      onRefused(refusal.code);
      void refuse(refusal, request, reply, drainLimits);
    },
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A captureId has 128 characters, and each may be written as several.
    routerOptions: { maxParamLength: 2048 },
    forceCloseConnections: 'idle',
    // Answered below, as a problem and with the health routes left open.
    return503OnClosing: false,
    // A line that posts twenty captures a second would drown every other message.
    logController: new LogController({ disableRequestLogging: true }),
  });
  if (options.maxConnections !== undefined) server.server.maxConnections = options.maxConnections;
  traces.mount(server);
  setSecurityHeaders(server, { overTls: options.tls !== undefined });
  // Fastify's own would hold a body before anything of it was counted: also of a route that is not there.
  server.removeAllContentTypeParsers();
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  handleErrors(server, drainLimits, onRefused);
  return server;
}

/** After it the server is ready to listen. */
export async function mountRoutes(
  server: FastifyInstance,
  rooms: HttpRooms,
  options: HttpOptions,
): Promise<void> {
  observeRequests(server, rooms.metrics);
  refuseWhenClosing(server, rooms);
  await guard(server, rooms);
  await acceptBodies(server);
  await documentApi(server);
  metricsRoutes(server, rooms);
  inspectionRoutes(server, { ...rooms, ...options });
  feedRoutes(server, rooms);
  reviewRoutes(server, { ...rooms, ...options });
  consumerRoutes(server, { ...rooms, ...options });
  lineRoutes(server, { ...rooms, ...options });
  driftRoutes(server, rooms);
  captureRoutes(server, { ...rooms, ...options });
  // Not all of the options: the configuration has `models` of its own.
  recipeRoutes(server, { ...rooms, bodyStallMs: options.bodyStallMs });
  heatmapRoutes(server, rooms);
  captureFileRoutes(server, rooms);
  eventRoutes(server, { ...rooms, ...options });
  webhookRoutes(server, { ...rooms, ...options });
  modelRoutes(server, rooms);
  healthRoutes(server, rooms);
  await server.ready();
}

/** Before the routes: each is held to its row of access-table.ts. */
async function guard(server: FastifyInstance, { security, store, captures }: HttpRooms): Promise<void> {
  const { identify, metricsAccess, ratePerMinute, audit, onAuditFailure } = security;
  const auditing = audit && { audit, monotonicMs: () => performance.now(), onFailure: onAuditFailure };
  guardRoutes(server, {
    identify,
    metricsAccess,
    store,
    captures,
    nowMs: Date.now,
    onRefused: auditing === undefined ? () => {} : auditRefusals(auditing),
  });
  await limitRates(server, { perMinute: identify === undefined ? 0 : ratePerMinute });
  if (auditing !== undefined) auditRoutes(server, auditing);
}

/** Says what a body is; `read-capture.ts` reads it, under the budget. */
export async function acceptBodies(server: FastifyInstance): Promise<void> {
  await server.register(multipart);
  const accept = (type: string | RegExp, form: BodyForm) =>
    server.addContentTypeParser(type, (_request, _payload, done) => done(null, form));
  accept('application/json', 'json');
  for (const type of [/^image\//, /^audio\//, 'application/octet-stream']) accept(type, 'raw');
}

/** On connections that are still open; health and metrics go on, so that an orchestrator sees the drain. */
function refuseWhenClosing(server: FastifyInstance, { leaving, closing }: HttpRooms): void {
  server.addHook('onRequest', async (request) => {
    if (closing.aborted && request.url.startsWith('/v1/')) throw shuttingDown();
  });
  // A client on a connection kept alive would come back here, and hold the shutdown up.
  server.addHook('onSend', async (_request, reply) => {
    if (leaving.aborted) reply.header('connection', 'close');
  });
}
