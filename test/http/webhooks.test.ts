// Webhooks as a receiver and an operator see them: over the service's socket, with every mistake they can make.

import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import type { Page } from '../../src/store/store.js';
import { inspect, type Parts, readJson } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { rgb8 } from '../support/pictures.js';
import { type Received, type Receiver, startReceiver } from '../support/receiver.js';
import { type RunningService, startService } from '../support/service.js';

const NOTHING: Received = { path: '', headers: {}, body: '' };
const SECRET = 'a secret of sixteen';

let service: RunningService;
let parts: Parts;
const receivers: Receiver[] = [];

beforeAll(async () => {
  service = await startService({
    WEBHOOK_ALLOW: '127.0.0.1',
    WEBHOOK_ALLOW_PRIVATE: 'true',
    WEBHOOK_MAX_ATTEMPTS: '1',
  });
  parts = { rgb: await rgb8('png') };
});
afterAll(() => service.close());
afterEach(async () => {
  const { body } = await call<{ webhooks: { id: string }[] }>('GET', '');
  for (const { id } of body.webhooks) await fetch(`${service.url}/v1/webhooks/${id}`, { method: 'DELETE' });
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function call<T>(method: string, path: string, body?: object | string) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': 'application/json' };
  const init = body === undefined ? { method } : { method, headers, body: text };
  return readJson<T>(await fetch(`${service.url}/v1/webhooks${path}`, init));
}

async function receiver(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
  const started = await startReceiver(...args);
  receivers.push(started);
  return started;
}

const put = (id: string, port: number, more: object = {}) =>
  call<Record<string, unknown> & Problem>('PUT', `/${id}`, {
    url: `http://127.0.0.1:${port}/hook`,
    secret: SECRET,
    ...more,
  });

/** Asks until it is so: what a courier does is seen in the list a moment later. */
async function until<T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const letters = async (id: string) =>
  (await call<{ total: number; items: { id: string; fault: string }[] }>('GET', `/${id}/dead-letters`)).body;

describe('webhooks', () => {
  it('deliver what was judged after they were put, signed as the documentation says', async () => {
    await inspect(service.url, parts, { captureId: 'before' });
    const { port, received, until: come } = await receiver();
    expect((await put('mes-1', port)).status).toBe(201);
    const judged = await inspect(service.url, parts, { captureId: 'after' });
    await come(1);
    const [{ headers, body } = NOTHING] = received;
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const expected = createHmac('sha256', SECRET).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
    expect(JSON.parse(body)).toEqual(judged);
    expect(headers['ce-id']).toBe(`${judged.inspectionId}.1`);
    expect(
      await metric(service.url, 'branchline_push_deliveries_total{channel="webhook",outcome="delivered"}'),
    ).toBe(1);
  });

  it('begin where they are told to, with the line and verdicts they asked for', async () => {
    const page = await fetch(`${service.url}/v1/inspections`);
    const { items, nextCursor } = (await page.json()) as Page;
    expect(items.length).toBeGreaterThan(0);
    await inspect(service.url, parts, { captureId: 'other', lineId: 'other' });
    const mine = await inspect(service.url, parts, { captureId: 'mine', lineId: 'mine' });
    const { port, received, until: come } = await receiver();
    await put('mes-1', port, { after: nextCursor, lineId: 'mine', verdicts: ['OK', 'REVIEW', 'NG'] });
    await come(1);
    expect(JSON.parse(received[0]?.body ?? '').inspectionId).toBe(mine.inspectionId);
    const all = await receiver();
    await put('mes-2', all.port, { after: '0' });
    await all.until(items.length + 2);
    expect(JSON.parse(all.received[0]?.body ?? '').inspectionId).toBe(items[0]?.inspectionId);
  });

  it('are shown without their secret, and changed by a second PUT', async () => {
    const { port } = await receiver();
    await put('mes-1', port);
    const changed = await put('mes-1', port, { verdicts: ['NG'] });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      id: 'mes-1',
      verdicts: ['NG'],
      state: 'ACTIVE',
      deadLetters: 0,
      blocked: null,
    });
    const [one, all] = [await call('GET', '/mes-1'), await call('GET', '')];
    expect(all.body).toEqual({ webhooks: [one.body] });
    for (const answer of [changed, one, all]) expect(JSON.stringify(answer.body)).not.toContain(SECRET);
  });

  it('keep what nobody took, and send it again when asked', async () => {
    let well = false;
    const {
      port,
      received,
      until: come,
    } = await receiver((response) => response.writeHead(well ? 204 : 500).end());
    await put('mes-1', port);
    const judged = await inspect(service.url, parts, { captureId: 'unlucky' });
    const { items } = await until(
      () => letters('mes-1'),
      ({ total }) => total === 1,
    );
    expect(items[0]).toMatchObject({
      id: `${judged.inspectionId}.1`,
      fault: `http://127.0.0.1:${port} answered 500`,
      attempts: 1,
      inspection: judged,
    });
    expect(await call('POST', '/mes-1/dead-letters:replay')).toMatchObject({
      status: 202,
      body: { replayed: 1 },
    });
    await come(2);
    await until(
      () => letters('mes-1'),
      ({ items }) => items[0] !== undefined && !('attempts' in items[0] && items[0].attempts === 1),
    );
    well = true;
    await call('POST', '/mes-1/dead-letters:replay', { ids: [items[0]?.id] });
    await until(
      () => letters('mes-1'),
      ({ total }) => total === 0,
    );
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(Array(3).fill(items[0]?.id));
  });

  it('give up what nobody took when asked', async () => {
    const { port } = await receiver((response) => response.writeHead(500).end());
    await put('mes-1', port);
    await inspect(service.url, parts);
    await until(
      () => letters('mes-1'),
      ({ total }) => total === 1,
    );
    const gone = await fetch(`${service.url}/v1/webhooks/mes-1/dead-letters`, { method: 'DELETE' });
    expect(gone.status).toBe(204);
    expect((await letters('mes-1')).total).toBe(0);
  });

  it('end where the receiver is gone, and say so', async () => {
    const { port } = await receiver((response) => response.writeHead(410).end());
    await put('mes-1', port);
    await inspect(service.url, parts);
    const { body } = await until(
      () => call<{ state: string; endedReason: string }>('GET', '/mes-1'),
      ({ body }) => body.state === 'ENDED',
    );
    expect(body.endedReason).toBe(`http://127.0.0.1:${port} answered 410 Gone`);
    const replay = await call<Problem>('POST', '/mes-1/dead-letters:replay');
    expect(replay).toMatchObject({ status: 409, body: { code: 'WEBHOOK_ENDED' } });
  });

  it('are gone when deleted', async () => {
    const { port } = await receiver();
    await put('mes-1', port);
    expect((await fetch(`${service.url}/v1/webhooks/mes-1`, { method: 'DELETE' })).status).toBe(204);
    expect(await call<Problem>('GET', '/mes-1')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect((await call('DELETE', '/mes-1')).status).toBe(404);
  });
});

describe('webhooks refuse', () => {
  const good = { url: 'http://127.0.0.1:9/', secret: SECRET };

  it.each([
    [{ ...good, url: 'nonsense' }, 'BAD_REQUEST', 'url: must be an http:// or https:// URL'],
    [{ ...good, url: 'ftp://127.0.0.1/' }, 'BAD_REQUEST', 'url: must be an http:// or https:// URL'],
    [{ ...good, url: 'http://me:pw@127.0.0.1/' }, 'BAD_REQUEST', 'must carry no name and password'],
    [
      { ...good, url: 'https://mes.example/' },
      'WEBHOOK_TARGET_REFUSED',
      'https://mes.example is not in WEBHOOK_ALLOW',
    ],
    [{ url: good.url }, 'BAD_REQUEST', 'secret: '],
    [{ ...good, secret: 'short' }, 'BAD_REQUEST', 'secret: must be at least 16 characters'],
    [{ ...good, secret: 'whsec_***************' }, 'BAD_REQUEST', 'secret: must be base64 after "whsec_"'],
    [{ ...good, verdicts: [] }, 'BAD_REQUEST', 'verdicts: '],
    [{ ...good, verdicts: ['MAYBE'] }, 'BAD_REQUEST', 'verdicts[0]: '],
    [{ ...good, lineId: '' }, 'BAD_REQUEST', 'lineId: '],
    [{ ...good, retries: 3 }, 'BAD_REQUEST', 'retries'],
    [{ ...good, after: 'nonsense' }, 'BAD_CURSOR', 'The cursor cannot be read'],
    ['{"url":', 'BAD_REQUEST', 'The body is not valid JSON'],
    ['[]', 'BAD_REQUEST', 'The body: '],
    ['', 'BAD_REQUEST', 'The body is not valid JSON'],
    ['x'.repeat(300_000), 'BODY_TOO_LARGE', 'over 262144 bytes'],
  ])('a subscription of %.80j with %s', async (body, code, words) => {
    const answer = await call<Problem>('PUT', '/mes-1', body);
    expect(answer.body).toMatchObject({ code, detail: expect.stringContaining(words) });
    expect(answer.status).toBeLessThan(500);
    expect((await call('GET', '/mes-1')).status).toBe(404);
  });

  it.each(['a%00b', 'a%0Ab', '%20', 'a%2Fb', '-a', 'x'.repeat(65), '%C3%BC'])('the id %s', async (id) => {
    const answer = await call<Problem>('PUT', `/${id}`, good);
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'BAD_REQUEST', detail: expect.stringContaining('letters, digits') },
    });
  });

  it('a replay of what is not there', async () => {
    await put('mes-1', 9);
    const answer = await call<Problem>('POST', '/mes-1/dead-letters:replay', { ids: ['nobody.1'] });
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND', part: 'ids' } });
    expect((await call('POST', '/nobody/dead-letters:replay')).status).toBe(404);
    expect((await call('GET', '/mes-1/dead-letters?limit=0')).status).toBe(400);
  });

  it('the hundred-and-first', async () => {
    for (let i = 0; i < 100; i += 1) await put(`w${i}`, 9);
    const answer = await put('one-more', 9);
    expect(answer).toMatchObject({ status: 409, body: { code: 'TOO_MANY_WEBHOOKS' } });
    expect((await put('w0', 9)).status).toBe(200);
  });
});

describe('webhooks and where they may go', () => {
  it.each([
    ['nothing allowed', {}, 'http://127.0.0.1/', 403, 'WEBHOOKS_OFF'],
    [
      'private addresses refused',
      { WEBHOOK_ALLOW: '127.0.0.1,localhost' },
      'http://127.0.0.1/',
      422,
      'WEBHOOK_TARGET_REFUSED',
    ],
    [
      'names of private addresses refused',
      { WEBHOOK_ALLOW: 'localhost' },
      'http://localhost/',
      422,
      'WEBHOOK_TARGET_REFUSED',
    ],
    [
      'metadata refused',
      { WEBHOOK_ALLOW: '169.254.169.254' },
      'http://169.254.169.254/',
      422,
      'WEBHOOK_TARGET_REFUSED',
    ],
  ])('%s', async (_name, env: Record<string, string>, url, status, code) => {
    const strict = await startService(env);
    try {
      const body = JSON.stringify({ url, secret: SECRET });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${strict.url}/v1/webhooks/a`, { method: 'PUT', headers, body });
      expect(await readJson(answer)).toMatchObject({ status, body: { code } });
    } finally {
      await strict.close();
    }
  });
});
