// Writes down who asked for what on the routes of review and administration, and whose keys were refused.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.js';
import type { AuditLog } from '../security/audit-log.js';
import { parsedBodyOf } from './json-body.js';

export interface AuditOptions {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly monotonicMs: () => number;
  /** An action is done and its first record kept, but the second was not. */
  readonly onFailure: (error: unknown) => void;
}

/** One a second: a flood of guesses must not fill the disk. */
const REFUSALS_EVERY_MS = 1000;
const MAX_BODY_CHARACTERS = 8192;

/** After guardRoutes, whose rules say which routes these are. Two records an action: what is asked, before it is done. */
export function auditRoutes(server: FastifyInstance, { audit, onFailure }: AuditOptions): void {
  const asked = new WeakSet<FastifyRequest>();
  server.addHook('preHandler', async (request) => {
    if (request.routeOptions.config.rule?.audited !== true) return;
    await audit.append({ action: 'asked', ...whoAndWhat(request) }).catch((cause: unknown) => {
      onFailure(cause);
      throw new ServiceError('AUDIT_UNAVAILABLE', {
        detail:
          'Nothing was done, because it could not be written to the audit log (AUDIT_FILE): look at its disk.',
        retryAfterSeconds: 10,
        cause,
      });
    });
    asked.add(request);
  });
  server.addHook('onSend', async (request, reply) => {
    // Whoever was refused at the door asked for nothing: a flood of that must not fill the disk.
    if (!asked.delete(request)) return;
    const body = shown(parsedBodyOf(request));
    await audit
      .append({ action: 'answered', ...whoAndWhat(request), status: reply.statusCode, ...(body && { body }) })
      .catch(onFailure);
  });
}

/** For the refusals of access.ts. */
export function auditRefusals({
  audit,
  monotonicMs,
  onFailure,
}: AuditOptions): (request: FastifyRequest, error: ServiceError) => void {
  let unwritten = 0;
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  return (request, { code, message }) => {
    const nowMs = monotonicMs();
    if (nowMs < quietUntilMs) {
      unwritten++;
      return;
    }
    quietUntilMs = nowMs + REFUSALS_EVERY_MS;
    const facts = { code, detail: message, ...(unwritten > 0 && { unwrittenBefore: unwritten }) };
    unwritten = 0;
    void audit.append({ action: 'refused', ...whoAndWhat(request), ...facts }).catch(onFailure);
  };
}

function whoAndWhat(request: FastifyRequest) {
  return {
    key: request.caller?.id ?? null,
    from: request.ip,
    request: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    target: request.params ?? {},
  };
}

/** Without the secrets that webhooks are set up with. */
function shown(body: unknown): string | undefined {
  if (body === undefined) return undefined;
  const text = JSON.stringify(body, (name, value: unknown) => (name === 'secret' ? '***' : value));
  return text.length > MAX_BODY_CHARACTERS ? `${text.slice(0, MAX_BODY_CHARACTERS)}…` : text;
}
