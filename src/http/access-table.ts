// Who may use which route: every route of the service has a row here, or the service does not start.
import type { Scope } from '../security/key-file.js';

/**
 * How a key that is bound to lines is held to them.
 * `none`: the answer is of no line. `inspection`, `capture`, `lineId`: the one the path names must be of a line of the
 * key's. `filter`: only the lines of the key are shown. `body`: the route asserts it, once it has read the metadata.
 * `all`: the answer is of every line at once, so such a key may not have it.
 */
export type LineRule = 'none' | 'inspection' | 'capture' | 'piece' | 'lineId' | 'filter' | 'body' | 'all';

export interface Rule {
  /** Any one of them is enough; empty: no key is needed. */
  readonly scopes: readonly Scope[];
  readonly lines: LineRule;
  /** Written to the audit log. */
  readonly audited: boolean;
}

const open: Rule = { scopes: [], lines: 'none', audited: false };
const needs = (scopes: readonly Scope[], lines: LineRule): Rule => ({ scopes, lines, audited: false });
const audited = (scopes: readonly Scope[], lines: LineRule): Rule => ({ scopes, lines, audited: true });

/** By method and path, as the router has them; HEAD is held to the row of GET. */
export const RULES: Readonly<Record<string, Rule>> = {
  'GET /': open,
  'GET /health/live': open,
  'GET /health/ready': open,
  'GET /openapi.json': open,
  'GET /docs': open,
  'GET /docs/': open,
  'GET /docs/*': open,
  'GET /docs/static/*': open,
  'GET /docs/static/index.html': open,
  'GET /docs/static/swagger-initializer.js': open,
  'GET /docs/json': open,
  'GET /docs/yaml': open,
  // Of every line: see METRICS_ACCESS.
  'GET /metrics': needs(['read'], 'all'),

  'POST /v1/inspections': needs(['ingest'], 'body'),
  'GET /v1/inspections': needs(['read'], 'filter'),
  'GET /v1/inspections/:id': needs(['read', 'ingest'], 'inspection'),
  'GET /v1/inspections/:id/heatmap': needs(['read'], 'inspection'),
  'GET /v1/inspections/:id/captures/:modality': needs(['read'], 'inspection'),
  'GET /v1/models': needs(['read', 'ingest'], 'none'),
  'GET /v1/events': needs(['read'], 'filter'),

  'PUT /v1/captures/:captureId/modalities/:name': needs(['ingest'], 'piece'),
  'PUT /v1/captures/:captureId/metadata': needs(['ingest'], 'body'),
  'POST /v1/captures/:captureId(.+)::complete': needs(['ingest'], 'capture'),
  'GET /v1/captures/:captureId': needs(['read', 'ingest'], 'capture'),

  'POST /v1/inspections/:id/reviews': audited(['review'], 'inspection'),
  'GET /v1/reviews': needs(['review', 'read'], 'all'),

  'GET /v1/recipes': needs(['read', 'admin'], 'none'),
  'GET /v1/recipes/:id': needs(['read', 'admin'], 'none'),
  'PUT /v1/recipes/:id': audited(['admin'], 'all'),
  'DELETE /v1/recipes/:id': audited(['admin'], 'all'),
  'POST /v1/recipes/:id(.+)::calibrate': audited(['admin'], 'all'),

  'POST /v1/consumers/:name/ack': needs(['read'], 'all'),
  'GET /v1/consumers/:name': needs(['read'], 'all'),
  'GET /v1/consumers': needs(['read'], 'all'),
  'DELETE /v1/consumers/:name': audited(['admin'], 'all'),

  'GET /v1/drift': needs(['read'], 'filter'),

  'GET /v1/lines': needs(['read'], 'all'),
  'GET /v1/lines/:lineId': needs(['read'], 'lineId'),
  'POST /v1/lines/:lineId(.+)::reset': audited(['admin'], 'lineId'),

  'PUT /v1/webhooks/:id': audited(['admin'], 'all'),
  'GET /v1/webhooks': needs(['admin'], 'all'),
  'GET /v1/webhooks/:id': needs(['admin'], 'all'),
  'DELETE /v1/webhooks/:id': audited(['admin'], 'all'),
  'GET /v1/webhooks/:id/dead-letters': needs(['admin'], 'all'),
  'POST /v1/webhooks/:id/dead-letters::replay': audited(['admin'], 'all'),
  'DELETE /v1/webhooks/:id/dead-letters': audited(['admin'], 'all'),
};

/** The name of a route's row. */
export function rowOf(method: string, path: string): string {
  return `${method === 'HEAD' ? 'GET' : method} ${path}`;
}
