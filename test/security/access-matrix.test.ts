// Every route of the running service against every scope and none, by key and by token, and against those that are bound to a line.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RULES } from '../../src/http/access-table.js';
import type { Problem } from '../../src/http/problem.js';
import { SCOPES, type Scope } from '../../src/security/key-file.js';
import { type RunningService, startService } from '../support/service.js';
import { type Issuer, issuerOf } from './issuer.js';
import { type KeyFile, keyFileOf } from './keys.js';

/** What each documented route should take, written down a second time: the table of the code is not its own judge. */
const EXPECTED: Readonly<Record<string, readonly Scope[]>> = {
  'GET /health/live': [],
  'GET /health/ready': [],
  'POST /v1/inspections': ['ingest'],
  'GET /v1/inspections': ['read'],
  'GET /v1/inspections/{id}': ['read', 'ingest'],
  'GET /v1/inspections/{id}/heatmap': ['read'],
  'GET /v1/inspections/{id}/captures/{modality}': ['read'],
  'GET /v1/models': ['read', 'ingest'],
  'GET /v1/events': ['read'],
  'PUT /v1/captures/{captureId}/modalities/{name}': ['ingest'],
  'PUT /v1/captures/{captureId}/metadata': ['ingest'],
  'POST /v1/captures/{captureId}:complete': ['ingest'],
  'GET /v1/captures/{captureId}': ['read', 'ingest'],
  'POST /v1/inspections/{id}/reviews': ['review'],
  'GET /v1/reviews': ['review', 'read'],
  'GET /v1/recipes': ['read', 'admin'],
  'GET /v1/recipes/{id}': ['read', 'admin'],
  'PUT /v1/recipes/{id}': ['admin'],
  'DELETE /v1/recipes/{id}': ['admin'],
  'POST /v1/recipes/{id}:calibrate': ['admin'],
  'POST /v1/consumers/{name}/ack': ['read'],
  'GET /v1/consumers/{name}': ['read'],
  'GET /v1/consumers': ['read'],
  'DELETE /v1/consumers/{name}': ['admin'],
  'GET /v1/drift': ['read'],
  'GET /v1/lines': ['read'],
  'GET /v1/lines/{lineId}': ['read'],
  'POST /v1/lines/{lineId}:reset': ['admin'],
  'PUT /v1/webhooks/{id}': ['admin'],
  'GET /v1/webhooks': ['admin'],
  'GET /v1/webhooks/{id}': ['admin'],
  'DELETE /v1/webhooks/{id}': ['admin'],
  'GET /v1/webhooks/{id}/dead-letters': ['admin'],
  'POST /v1/webhooks/{id}/dead-letters:replay': ['admin'],
  'DELETE /v1/webhooks/{id}/dead-letters': ['admin'],
  // Not in the document, because they are no part of the API.
  'GET /': [],
  'GET /docs': [],
  'GET /docs/json': [],
  'GET /docs/static/index.html': [],
  'GET /openapi.json': [],
  'GET /metrics': ['read'],
};
const HIDDEN = [
  'GET /',
  'GET /docs',
  'GET /docs/json',
  'GET /docs/static/index.html',
  'GET /openapi.json',
  'GET /metrics',
];

let keys: KeyFile;
let issuer: Issuer;
let service: RunningService;
let documented: string[];

beforeAll(async () => {
  keys = await keyFileOf([
    ...SCOPES.map((scope) => ({ id: scope, scopes: [scope] })),
    { id: 'bound', scopes: [...SCOPES], lines: ['line-1'] },
  ]);
  issuer = await issuerOf();
  service = await startService({
    API_KEYS_FILE: keys.path,
    ...issuer.env,
    JWT_LINES_CLAIM: 'lines',
    METRICS_ACCESS: 'read',
    WEBHOOK_ALLOW: 'mes.example',
  });
  const document = await (await fetch(`${service.url}/openapi.json`)).json();
  documented = Object.entries((document as { paths: Record<string, object> }).paths).flatMap(
    ([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
});
afterAll(async () => {
  await service.close();
  await keys.remove();
  await issuer.remove();
});

/** The status and, of a problem, the code; the body of an endless answer is not waited for. */
async function ask(
  route: string,
  headers: Record<string, string>,
): Promise<{ status: number; code?: string }> {
  const [method = '', path = ''] = route.split(' ');
  const gone = new AbortController();
  const response = await fetch(`${service.url}${path.replaceAll(/\{\w+\}/g, 'x')}`, {
    method,
    headers,
    redirect: 'manual',
    signal: gone.signal,
  });
  const isProblem = response.headers.get('content-type')?.includes('problem+json') === true;
  const answer = isProblem ? { code: ((await response.json()) as Problem).code } : {};
  gone.abort();
  return { status: response.status, ...answer };
}

describe('the table of scopes', () => {
  it('is the one that is written down here, for every route of the OpenAPI document', () => {
    expect(documented.length).toBeGreaterThan(20);
    expect([...documented, ...HIDDEN].sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  describe.each(Object.entries(EXPECTED))('%s', (route, allowed) => {
    const expectHeld = ({ status, code }: Awaited<ReturnType<typeof ask>>, scope: Scope) => {
      const isOpen = allowed.length === 0;
      if (isOpen || allowed.includes(scope)) expect([401, 403]).not.toContain(status);
      else expect({ status, code }).toEqual({ status: 403, code: 'FORBIDDEN' });
    };

    it.each(SCOPES)('and a key of the scope %s', async (scope) =>
      expectHeld(await ask(route, keys.as(scope)), scope),
    );

    it.each(SCOPES)('and a token of the scope %s', async (scope) =>
      expectHeld(await ask(route, await issuer.as({ scope: `openid ${scope}`, lines: '*' })), scope),
    );

    it('and a token of no scope of ours', async () => {
      const { status, code } = await ask(route, await issuer.as({ scope: 'openid', lines: '*' }));
      if (allowed.length === 0) expect([401, 403]).not.toContain(status);
      else expect({ status, code }).toEqual({ status: 403, code: 'FORBIDDEN' });
    });

    it('and a token of somebody else', async () => {
      const { status } = await ask(route, await issuer.as({ scope: SCOPES.join(' '), iss: 'https://else' }));
      if (allowed.length === 0) expect(status).not.toBe(401);
      else expect(status).toBe(401);
    });

    it('and no key', async () => {
      const { status, code } = await ask(route, {});
      if (allowed.length === 0) expect([401, 403]).not.toContain(status);
      else expect({ status, code }).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
    });

    it('and a key nobody made', async () => {
      const { status } = await ask(route, { 'x-api-key': `bl_${'A'.repeat(43)}` });
      if (allowed.length === 0) expect(status).not.toBe(401);
      else expect(status).toBe(401);
    });
  });

  it('lets a key or token that is bound to a line see nothing of what is of every line', async () => {
    const ofEveryLine = Object.entries(RULES).filter(([, { lines }]) => lines === 'all');
    expect(ofEveryLine.length).toBeGreaterThan(10);
    const token = await issuer.as({ scope: SCOPES.join(' '), lines: ['line-1'] });
    for (const [row] of ofEveryLine) {
      const route = row.replaceAll(/:(id|name)(\(\.\+\))?/g, '{$1}').replace('::', ':');
      for (const headers of [keys.as('bound'), token])
        expect([route, await ask(route, headers)]).toEqual([route, { status: 403, code: 'FORBIDDEN' }]);
    }
  });

  it('answers HEAD as it answers GET', async () => {
    const head = await fetch(`${service.url}/v1/lines`, { method: 'HEAD', headers: keys.as('ingest') });
    expect(head.status).toBe(403);
  });
});
