// Asks every request for its key, and holds keys that are bound to lines to these lines.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Captures } from '../captures/captures.js';
import { noCapture } from '../captures/refusals.js';
import { ServiceError } from '../errors.js';
import { type Caller, callerName, type Identify } from '../security/caller.js';
import { noLine } from '../store/line-counts.js';
import { noInspection } from '../store/revise.js';
import type { ResultStore } from '../store/store.js';
import { RULES, type Rule, rowOf } from './access-table.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its row in access-table.ts. */
    readonly rule?: Rule;
  }
  interface FastifyRequest {
    /** Whose key it came with; absent: none was needed. */
    caller?: Caller | undefined;
  }
}

export interface AccessOptions {
  /** undefined: every caller may do everything. */
  readonly identify: Identify | undefined;
  readonly metricsAccess: 'open' | 'read';
  readonly store: Pick<ResultStore, 'get'>;
  readonly captures: Pick<Captures, 'lineOf'>;
  /** Unix time. */
  readonly nowMs: () => number;
  /** A key that is missing, unknown, expired or not good for this. */
  readonly onRefused: (request: FastifyRequest, error: ServiceError) => void;
}

/** Before any route is mounted. With a route that has no row in the table, the server does not become ready. */
export function guardRoutes(server: FastifyInstance, options: AccessOptions): void {
  const { identify, metricsAccess, nowMs, onRefused } = options;
  server.decorateRequest('caller', undefined);
  const strangers: string[] = [];
  server.addHook('onRoute', (route) => {
    const rows = new Set([route.method].flat().map((method) => rowOf(method, route.url)));
    const [row = ''] = rows;
    const rule = RULES[row];
    // One route of several methods would be held to the row of the first.
    if (rule === undefined || rows.size > 1) strangers.push(...rows);
    const isOpen = route.url === '/metrics' && metricsAccess === 'open';
    route.config = { ...route.config, ...(rule && { rule: isOpen ? { ...rule, scopes: [] } : rule }) };
  });
  server.addHook('onReady', async () => {
    if (strangers.length === 0) return;
    throw new Error(
      `src/http/access-table.ts has no row for ${strangers.join(' and ')}: say there who may use it`,
    );
  });
  if (identify === undefined) return;

  const refusing = async (request: FastifyRequest, step: () => Promise<void>) => {
    try {
      await step();
    } catch (error) {
      if (error instanceof ServiceError && (error.status === 401 || error.status === 403))
        onRefused(request, error);
      throw error;
    }
  };
  server.addHook('onRequest', (request, reply) =>
    refusing(request, async () => {
      const rule = request.routeOptions.config.rule;
      if (rule === undefined || rule.scopes.length === 0) return;
      const caller = await callerOf(request, reply, identify, nowMs());
      request.caller = caller;
      assertScope(caller, rule, request);
    }),
  );
  // Once the query is parsed.
  server.addHook('preHandler', (request) =>
    refusing(request, async () => {
      const rule = request.routeOptions.config.rule;
      const lines = request.caller?.lines;
      if (rule !== undefined && lines !== undefined) await holdToLines(request, rule, lines, options);
    }),
  );
}

/** For routes whose capture says its line in the body. Throws ServiceError FORBIDDEN. */
export function assertOwnLine({ caller }: FastifyRequest, lineId: string | undefined): void {
  if (caller?.lines === undefined || (lineId !== undefined && caller.lines.has(lineId))) return;
  const named = lineId === undefined ? 'the metadata names no lineId' : `the metadata names line "${lineId}"`;
  throw boundElsewhere(caller, caller.lines, `${named}; name one of these`);
}

async function callerOf(
  request: FastifyRequest,
  reply: FastifyReply,
  identify: Identify,
  nowMs: number,
): Promise<Caller> {
  const refuse = (error: string, detail: string) => {
    // "error" says why, where a key was sent (RFC 6750, 3.1); without one the scheme alone (3).
    reply.header('www-authenticate', `Bearer realm="branchline"${error}`);
    return new ServiceError('UNAUTHENTICATED', { detail });
  };
  const secret = secretIn(request);
  if (secret === undefined)
    throw refuse(
      '',
      'This needs an API key, or a token where tokens are taken: send it as "Authorization: Bearer <key>" or, where that cannot be set, "X-Api-Key: <key>".',
    );
  const found = await identify(secret, nowMs);
  if (found === undefined)
    throw refuse(
      ', error="invalid_token"',
      'The key is not known here: it was mistyped, or taken out of API_KEYS_FILE. Ask whoever runs the service.',
    );
  if ('refused' in found) throw refuse(', error="invalid_token"', found.refused);
  return found.caller;
}

/** Authorization wins; a scheme that is not Bearer is as good as none. */
function secretIn({ headers }: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const own = headers['x-api-key'];
  return bearer ?? (typeof own === 'string' && own !== '' ? own : undefined);
}

function assertScope(caller: Caller, { scopes }: Rule, { method, url }: FastifyRequest): void {
  if (scopes.some((scope) => caller.scopes.has(scope))) return;
  const own = caller.scopes.size === 0 ? 'do nothing here' : [...caller.scopes].join(', ');
  throw new ServiceError('FORBIDDEN', {
    detail:
      `The ${callerName(caller)} may ${own}; ${method} ${url.split('?')[0]} needs ` +
      `${scopes.map((scope) => `"${scope}"`).join(' or ')}. Have its scopes changed, or use another key.`,
  });
}

/** Throws ServiceError FORBIDDEN, or NOT_FOUND where the answer is of another line: that there is one is no news. */
async function holdToLines(
  request: FastifyRequest,
  { lines: rule }: Rule,
  lines: ReadonlySet<string>,
  { store, captures }: AccessOptions,
): Promise<void> {
  const caller = request.caller as Caller;
  const { id = '', captureId = '', lineId = '' } = request.params as Record<string, string | undefined>;
  switch (rule) {
    case 'none':
    case 'body':
      return;
    case 'inspection': {
      const line = (await store.get(id))?.lineId ?? undefined;
      if (line === undefined || !lines.has(line)) throw noInspection(id);
      return;
    }
    case 'capture': {
      const line = await captures.lineOf(captureId);
      if (line === undefined || !lines.has(line)) throw noCapture(captureId);
      return;
    }
    case 'piece': {
      // A piece says no line of its own, and must not get into another line's capture before that says one.
      const line = await captures.lineOf(captureId);
      if (line === undefined || !lines.has(line))
        throw boundElsewhere(
          caller,
          lines,
          `capture "${captureId}" is not known to be of one: PUT its metadata first`,
        );
      return;
    }
    case 'lineId':
      if (!lines.has(lineId)) throw noLine(lineId);
      return;
    case 'filter':
      return filter(request.query as { lineId?: string }, caller, lines);
    case 'all':
      throw boundElsewhere(
        caller,
        lines,
        'and this is of every line at once; use a key that is bound to none',
      );
    default:
      return rule satisfies never;
  }
}

/** The only line a key has need not be said. */
function filter(query: { lineId?: string }, caller: Caller, lines: ReadonlySet<string>): void {
  if (query.lineId === undefined && lines.size === 1) query.lineId = [...lines][0] as string;
  if (query.lineId === undefined) throw boundElsewhere(caller, lines, 'ask for one of these with ?lineId=');
  if (!lines.has(query.lineId)) throw boundElsewhere(caller, lines, `not to "${query.lineId}"`);
}

function boundElsewhere(caller: Caller, lines: ReadonlySet<string>, rest: string): ServiceError {
  const named = [...lines].map((line) => `"${line}"`).join(', ');
  return new ServiceError('FORBIDDEN', {
    detail: `The ${callerName(caller)} is bound to ${named}: ${rest}.`,
    part: 'lineId',
  });
}
