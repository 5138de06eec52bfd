// API keys over the service's socket: how they are sent, renewed, and held to their lines.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';
import { formatKeys, hashOf, parseKeys } from '../../src/security/key-file.js';
import { KeyRing } from '../../src/security/key-ring.js';
import { captureForm, readJson } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';
import { goldenCapture } from '../support/tiny-bundle.js';
import { type KeyFile, keyFileOf } from './keys.js';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');

describe('the ring of keys', () => {
  const key = { id: 'mes', scopes: ['read' as const] };
  const ringOf = async (file: KeyFile) => {
    const onReloaded = jest.fn();
    const onBroken = jest.fn<(error: Error) => void>();
    return { ring: await KeyRing.open({ path: file.path, onReloaded, onBroken }), onReloaded, onBroken };
  };

  it('knows a secret by its hash, and no other', async () => {
    const file = await keyFileOf([key, { id: 'cam', scopes: ['ingest'], lines: ['line-1'] }]);
    const { ring } = await ringOf(file);
    expect(ring.identify(file.secrets.cam ?? '', NOW_MS)).toMatchObject({
      caller: { id: 'cam', scopes: new Set(['ingest']), lines: new Set(['line-1']) },
    });
    expect(ring.identify(`${file.secrets.cam}x`, NOW_MS)).toBeUndefined();
    expect(ring.identify(hashOf(file.secrets.cam ?? '').toString('hex'), NOW_MS)).toBeUndefined();
    await file.remove();
  });

  it('knows a key no longer once it has expired', async () => {
    const file = await keyFileOf([{ ...key, expires: '2026-06-01T00:00:00Z' }]);
    const { ring } = await ringOf(file);
    expect(ring.identify(file.secrets.mes ?? '', NOW_MS - 1)).toHaveProperty('caller');
    expect(ring.identify(file.secrets.mes ?? '', NOW_MS)).toEqual({
      refused: 'The API key "mes" expired at 2026-06-01T00:00:00Z: have a new one made.',
    });
    await file.remove();
  });

  it('takes over a changed file', async () => {
    const file = await keyFileOf([key]);
    const { ring, onReloaded } = await ringOf(file);
    await ring.refresh();
    expect(onReloaded).not.toHaveBeenCalled();
    await file.write(formatKeys([{ ...key, id: 'mes-2', sha256: hashOf('another').toString('hex') }]));
    await ring.refresh();
    expect(onReloaded.mock.calls).toEqual([[['mes-2']]]);
    expect(ring.identify(file.secrets.mes ?? '', NOW_MS)).toBeUndefined();
    expect(ring.identify('another', NOW_MS)).toHaveProperty('caller.id', 'mes-2');
    await file.remove();
  });

  it('keeps its keys when the file is broken or gone, and says so once', async () => {
    const file = await keyFileOf([key]);
    const { ring, onBroken } = await ringOf(file);
    await file.write('{"keys":[');
    await ring.refresh();
    await ring.refresh();
    expect(onBroken.mock.calls.map(([error]) => error.message)).toEqual([
      expect.stringMatching(/^API_KEYS_FILE: .*keys\.json is not JSON: /),
    ]);
    await file.remove();
    await ring.refresh();
    expect(onBroken).toHaveBeenCalledTimes(2);
    expect(ring.identify(file.secrets.mes ?? '', NOW_MS)).toHaveProperty('caller.id', 'mes');
  });

  it.each([
    ['an unknown scope', { scopes: ['write'] }, /keys\[0\]\.scopes\[0\] must be of ingest/],
    ['no scope', { scopes: [] }, /keys\[0\]\.scopes must name at least one/],
    ['a secret instead of its hash', { sha256: 'bl_secret' }, /keys\[0\]\.sha256 must be 64 hexadecimal/],
    ['a misspelt field', { line: ['line-1'] }, /keys\[0\] Unrecognized key: "line"/],
    ['no lines at all', { lines: [] }, /keys\[0\]\.lines must name a line/],
    ['a day without a zone', { expires: '2027-01-01' }, /keys\[0\]\.expires must be a time with a zone/],
  ])('refuses a file with %s', (_, change, message) => {
    const good = { ...key, sha256: '0'.repeat(64) };
    expect(parseKeys(JSON.stringify({ keys: [good] }))).toHaveLength(1);
    expect(() => parseKeys(JSON.stringify({ keys: [{ ...good, ...change }] }))).toThrow(message);
  });
});

describe('the service with keys', () => {
  let keys: KeyFile;
  let service: RunningService;
  let parts: Record<string, Buffer>;
  beforeAll(async () => {
    keys = await keyFileOf([
      { id: 'cam-1', scopes: ['ingest', 'read', 'review'], lines: ['line-1'] },
      { id: 'cam-2', scopes: ['ingest', 'read'], lines: ['line-2', 'line-3'] },
      { id: 'all', scopes: ['ingest', 'read', 'admin'] },
      { id: 'old', scopes: ['read'], expires: '2020-01-01T00:00:00Z' },
      { id: 'late', scopes: ['read'] },
    ]);
    service = await startService({ API_KEYS_FILE: keys.path, LOG_LEVEL: 'silent' });
    parts = { rgb: (await goldenCapture(0)).parts.rgb as Buffer };
  });
  afterAll(async () => {
    await service.close();
    await keys.remove();
  });

  const post = async (id: string, metadata?: object) =>
    readJson<Inspection & Problem>(
      await fetch(`${service.url}/v1/inspections`, {
        method: 'POST',
        headers: keys.as(id),
        body: captureForm(parts, metadata),
      }),
    );
  const get = async (id: string, path: string) =>
    readJson<Problem & { items: Inspection[] }>(
      await fetch(`${service.url}${path}`, { headers: keys.as(id) }),
    );
  const put = async (id: string, path: string, type: string, body: Buffer | string) =>
    readJson<Problem>(
      await fetch(`${service.url}${path}`, {
        method: 'PUT',
        headers: { ...keys.as(id), 'content-type': type },
        body: typeof body === 'string' ? body : new Uint8Array(body),
      }),
    );

  it('says how a key is sent, and that one expired, with the challenge of RFC 6750', async () => {
    const none = await readJson<Problem>(await fetch(`${service.url}/v1/models`));
    expect(none).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(none.body.detail).toContain('"Authorization: Bearer <key>"');
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="branchline"');
    const expired = await get('old', '/v1/models');
    expect(expired.body.detail).toBe(
      'The API key "old" expired at 2020-01-01T00:00:00Z: have a new one made.',
    );
    expect(expired.headers.get('www-authenticate')).toBe('Bearer realm="branchline", error="invalid_token"');
  });

  it('takes the key of a PLC from X-Api-Key', async () => {
    const headers = { 'x-api-key': keys.secrets.all ?? '' };
    expect((await fetch(`${service.url}/v1/models`, { headers })).status).toBe(200);
  });

  it('says what a key may and what was needed', async () => {
    const { status, body } = await get('late', '/v1/webhooks');
    expect(status).toBe(403);
    expect(body.detail).toBe(
      'The API key "late" may read; GET /v1/webhooks needs "admin". Have its scopes changed, or use another key.',
    );
  });

  it('takes captures of the lines a key is bound to, and no others', async () => {
    expect((await post('cam-1', { lineId: 'line-1' })).status).toBe(200);
    expect((await post('all', { lineId: 'line-2' })).status).toBe(200);
    const other = await post('cam-1', { lineId: 'line-2' });
    expect(other).toMatchObject({ status: 403, body: { code: 'FORBIDDEN', part: 'lineId' } });
    expect(other.body.detail).toContain('bound to "line-1": the metadata names line "line-2"');
    expect((await post('cam-1')).body.detail).toContain('the metadata names no lineId');
  });

  it('hides inspections of other lines, as if they were not there', async () => {
    const own = (await post('cam-1', { lineId: 'line-1' })).body.inspectionId;
    const other = (await post('all', { lineId: 'line-2' })).body.inspectionId;
    const nobodys = (await post('all')).body.inspectionId;
    expect((await get('cam-1', `/v1/inspections/${own}`)).status).toBe(200);
    for (const id of [other, nobodys])
      for (const rest of ['', '/heatmap', '/heatmap?overlay=1', '/captures/rgb']) {
        const { status, body } = await get('cam-1', `/v1/inspections/${id}${rest}`);
        expect([status, body.detail]).toEqual([404, `There is no inspection "${id}".`]);
      }
    const review = await fetch(`${service.url}/v1/inspections/${other}/reviews`, {
      method: 'POST',
      headers: { ...keys.as('cam-1'), 'content-type': 'application/json' },
      body: JSON.stringify({ decision: 'CONFIRMED', by: 'anna' }),
    });
    expect(review.status).toBe(404);
  });

  it('shows the feed of the only line a key has, and asks which of several', async () => {
    await post('all', { lineId: 'line-1' });
    await post('all', { lineId: 'line-2' });
    const { body } = await get('cam-1', '/v1/inspections?limit=500');
    expect(new Set(body.items.map(({ lineId }) => lineId))).toEqual(new Set(['line-1']));
    expect((await get('cam-1', '/v1/inspections?lineId=line-2')).status).toBe(403);
    expect((await get('cam-2', '/v1/inspections')).body.detail).toContain(
      'ask for one of these with ?lineId=',
    );
    const asked = await get('cam-2', '/v1/inspections?lineId=line-2');
    expect(new Set(asked.body.items.map(({ lineId }) => lineId))).toEqual(new Set(['line-2']));
    expect((await get('cam-1', '/v1/events?lineId=line-2')).status).toBe(403);
    expect((await get('cam-1', '/v1/lines/line-2')).status).toBe(404);
    expect((await get('cam-1', '/v1/lines/line-1')).status).toBe(200);
  });

  it('lets a bound key add pieces only to captures of its lines', async () => {
    const rgb = parts.rgb as Buffer;
    const json = 'application/json';
    const early = await put('cam-1', '/v1/captures/p-1/modalities/rgb', 'image/png', rgb);
    expect([early.status, early.body.detail]).toEqual([
      403,
      expect.stringContaining('PUT its metadata first'),
    ]);
    expect((await put('cam-1', '/v1/captures/p-1/metadata', json, '{"lineId":"line-2"}')).status).toBe(403);
    expect((await put('cam-1', '/v1/captures/p-1/metadata', json, '{"lineId":"line-1"}')).status).toBe(201);
    expect((await put('cam-1', '/v1/captures/p-1/modalities/rgb', 'image/png', rgb)).status).toBe(201);
    expect((await put('cam-2', '/v1/captures/p-1/modalities/depth', 'image/png', rgb)).status).toBe(403);
    expect((await get('cam-2', '/v1/captures/p-1')).status).toBe(404);
    expect((await get('cam-1', '/v1/captures/p-1')).status).toBe(200);
  });

  it('lets health and the description of the API be read without a key, and metrics unless told otherwise', async () => {
    for (const path of ['/health/live', '/health/ready', '/openapi.json', '/metrics'])
      expect([path, (await fetch(`${service.url}${path}`)).status]).toEqual([path, 200]);
  });

  // Last: it takes the other keys away.
  it('puts a changed file in force while it runs', async () => {
    await keys.write(
      formatKeys([{ id: 'next', scopes: ['read'], sha256: hashOf('next-secret').toString('hex') }]),
    );
    const headers = { authorization: 'Bearer next-secret' };
    while ((await fetch(`${service.url}/v1/models`, { headers })).status === 401)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await fetch(`${service.url}/v1/models`, { headers })).status).toBe(200);
    expect((await get('late', '/v1/models')).status).toBe(401);
  });
});
