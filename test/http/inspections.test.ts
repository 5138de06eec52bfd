// The service over real HTTP on the tiny bundle: what a line, an MES and a browser get.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';
import { captureForm, inspect, type Parts, readJson, refuse } from '../support/client.js';
import { npyFile } from '../support/files.js';
import { untilFileKept } from '../support/kept-images.js';
import { type RunningService, startService } from '../support/service.js';
import { copyTinyBundle, type GoldenCapture, goldenCapture, rgbPng } from '../support/tiny-bundle.js';

const SCORE_TOLERANCE = 1e-4;

let copy: Awaited<ReturnType<typeof copyTinyBundle>>;
let service: RunningService;
let capture: GoldenCapture;
let blackPng: Buffer;

beforeAll(async () => {
  copy = await copyTinyBundle();
  const recipesFile = join(copy.modelsDir, 'recipes.json');
  await writeFile(
    recipesFile,
    JSON.stringify({
      strict: { thresholds: { review: 0.1, reject: 0.2 } },
      'needs-depth': { model: 'tiny', required: ['depth'] },
    }),
  );
  service = await startService({
    RECIPES_FILE: recipesFile,
    KEEP_CAPTURES: 'all',
    KEEP_ORIGINALS: 'true',
  });
  capture = await goldenCapture(0);
  blackPng = await rgbPng(Buffer.alloc(64 * 64 * 3));
});
afterAll(async () => {
  await service.close();
  await copy.remove();
});

function only(...names: string[]): Parts {
  return Object.fromEntries(names.map((name) => [name, capture.parts[name] ?? Buffer.alloc(0)]));
}

const post = async (body: string | Uint8Array<ArrayBuffer>, type: string, query = '') =>
  readJson<Inspection>(
    await fetch(`${service.url}/v1/inspections${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    }),
  );

describe('POST /v1/inspections', () => {
  it.each([
    ['the metadata', { deadlineMs: 1 }, {}, '', 503],
    ['the header', {}, { 'x-deadline-ms': '1' }, '', 503],
    ['the query', {}, {}, '?deadlineMs=1', 503],
    ['the header before the metadata', { deadlineMs: 1 }, { 'x-deadline-ms': '60000' }, '', 200],
    ['the query before the header', {}, { 'x-deadline-ms': '1' }, '?deadlineMs=60000', 200],
  ])('takes its deadline from %s', async (_where, metadata, headers, query, status) => {
    const body = captureForm(only('rgb', 'acoustic'), metadata);
    const answer = await fetch(`${service.url}/v1/inspections${query}`, { method: 'POST', body, headers });
    const { code } = (await answer.json()) as Partial<Problem>;
    expect([answer.status, code]).toEqual([status, status === 503 ? 'DEADLINE_UNREACHABLE' : undefined]);
    if (status === 503) expect(answer.headers.get('retry-after')).toBe('1');
  });

  it.each(['acoustic', 'depth', 'rgb', 'acoustic+depth', 'acoustic+rgb', 'depth+rgb', 'acoustic+depth+rgb'])(
    'judges %s by its own branch, as the trainer did',
    async (branch) => {
      const inspection = await inspect(service.url, only(...branch.split('+')));
      expect(inspection.branch).toBe(branch);
      expect(Math.abs((inspection.score ?? 2) - (capture.scores.get(branch) ?? 0))).toBeLessThan(
        SCORE_TOLERANCE,
      );
      expect(inspection.modalities.used).toEqual(branch.split('+'));
      expect(inspection.modalities.missing).toEqual(
        ['acoustic', 'depth', 'rgb'].filter((name) => !branch.split('+').includes(name)),
      );
      expect(Object.keys(inspection.evidence)).toEqual(branch.split('+'));
    },
  );

  it('answers with what the capture said of itself', async () => {
    const metadata = {
      captureId: 'c-17',
      lineId: 'L1',
      stationId: 'S2',
      partId: 'P3',
      productId: 'housing',
      capturedAt: '2026-01-02T03:04:05+01:00',
      attributes: { shift: 'night', pass: 2, rework: false },
    };
    expect(await inspect(service.url, only('rgb'), metadata)).toMatchObject({ ...metadata, stored: true });
  });

  it('names a capture after its inspection where it has no name', async () => {
    const { captureId, inspectionId } = await inspect(service.url, only('rgb'));
    expect(captureId).toBe(inspectionId);
  });

  it('takes one part raw, and JSON with base64', async () => {
    const expected = capture.scores.get('rgb') ?? 0;
    const png = new Uint8Array(capture.parts.rgb ?? []);
    const metadata = encodeURIComponent('{"captureId":"raw"}');
    const raw = await post(png, 'image/png', `?modality=rgb&metadata=${metadata}`);
    expect(raw).toMatchObject({ status: 200, body: { branch: 'rgb', captureId: 'raw' } });
    expect(raw.body.score).toBeCloseTo(expected, 4);
    const json = await post(
      JSON.stringify({
        metadata: { captureId: 'json' },
        modalities: { rgb: Buffer.from(png).toString('base64') },
      }),
      'application/json',
    );
    expect(json).toMatchObject({ status: 200, body: { branch: 'rgb', captureId: 'json' } });
    expect(json.body.score).toBeCloseTo(expected, 4);
    const wav = await post(new Uint8Array(capture.parts.acoustic ?? []), 'audio/wav', '?modality=acoustic');
    expect(wav.body.branch).toBe('acoustic');
    const npy = await post(
      new Uint8Array(capture.parts.depth ?? []),
      'application/octet-stream',
      '?modality=depth',
    );
    expect(npy.body.branch).toBe('depth');
  });

  it('drops a broken and a blank part, says why, and judges by the rest', async () => {
    const parts = { rgb: blackPng, depth: Buffer.from('what is this'), ...only('acoustic') };
    const inspection = await inspect(service.url, parts);
    expect(inspection.branch).toBe('acoustic');
    expect(inspection.modalities.missing).toEqual([]);
    expect(inspection.modalities.dropped).toEqual([
      { name: 'depth', reason: 'unsupported_format', detail: expect.any(String) },
      { name: 'rgb', reason: 'saturated', detail: expect.any(String) },
    ]);
  });

  it('does not decide, and keeps that, where no good signal arrived', async () => {
    const nothing = {
      rgb: blackPng,
      depth: npyFile('<f4', [64, 64], new Float32Array(64 * 64).fill(Number.NaN)),
    };
    const inspection = await inspect(service.url, nothing);
    expect(inspection).toMatchObject({ verdict: 'NOT_DECIDABLE', score: null, branch: null, heatmap: null });
    expect(inspection.modalities.dropped.map(({ name, reason }) => [name, reason])).toEqual([
      ['depth', 'no_valid_pixels'],
      ['rgb', 'saturated'],
    ]);
    const found = await fetch(`${service.url}/v1/inspections/${inspection.inspectionId}`);
    expect(await found.json()).toEqual(inspection);
    const map = await readJson(
      await fetch(`${service.url}/v1/inspections/${inspection.inspectionId}/heatmap`),
    );
    expect(map).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('judges by the recipe’s thresholds', async () => {
    const byBundle = await inspect(service.url, only('depth'));
    expect(byBundle).toMatchObject({ verdict: 'OK', thresholds: { review: 0.5, reject: 0.7 }, recipe: null });
    const byRecipe = await inspect(service.url, only('depth'), { recipe: 'strict' });
    expect(byRecipe).toMatchObject({
      verdict: 'NG',
      score: byBundle.score,
      thresholds: { review: 0.1, reject: 0.2 },
      recipe: 'strict',
      heatmap: { scale: { threshold: 0.1 } },
    });
  });

  it('does not decide where a required modality is absent or says nothing, refuses where it is broken', async () => {
    const recipe = { recipe: 'needs-depth' };
    expect((await inspect(service.url, only('rgb'), recipe)).verdict).toBe('NOT_DECIDABLE');
    const constant = npyFile('<f4', [64, 64], new Float32Array(64 * 64).fill(3));
    const gated = await inspect(service.url, { ...only('rgb'), depth: constant }, recipe);
    expect(gated).toMatchObject({ verdict: 'NOT_DECIDABLE', modalities: { unused: ['rgb'] } });
    const body = new FormData();
    body.append('metadata', JSON.stringify(recipe));
    body.append('rgb', new Blob([new Uint8Array(capture.parts.rgb ?? [])]));
    body.append('depth', new Blob(['broken']));
    expect(await refuse(service.url, body)).toMatchObject({
      status: 415,
      body: { code: 'PART_UNSUPPORTED', part: 'depth' },
    });
    expect((await inspect(service.url, only('rgb', 'depth'), recipe)).branch).toBe('depth+rgb');
  });

  it('takes a model by name, and refuses one it does not have', async () => {
    expect((await inspect(service.url, only('rgb'), {}, '?model=tiny@1')).model?.version).toBe(1);
    const unknown = await refuse(
      service.url,
      '{"modalities":{}}',
      { 'content-type': 'application/json' },
      '?model=huge',
    );
    expect(unknown).toMatchObject({
      status: 404,
      body: { code: 'UNKNOWN_MODEL', detail: 'No model "huge" is loaded; loaded: tiny@1.' },
    });
  });
});

describe('GET /v1/inspections', () => {
  it('finds one by its id, as it was answered', async () => {
    const inspection = await inspect(service.url, only('rgb', 'depth'));
    const found = await fetch(`${service.url}/v1/inspections/${inspection.inspectionId}`);
    expect(await found.json()).toEqual(inspection);
    const missing = await readJson(await fetch(`${service.url}/v1/inspections/none`));
    expect(missing).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', detail: 'There is no inspection "none".' },
    });
  });

  it('gives every inspection once, in order, page by page and by filter', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++)
      ids.push((await inspect(service.url, only('rgb'), { lineId: i % 2 ? 'odd' : 'even' })).inspectionId);
    const seen = await allPages('limit=2');
    expect(seen.slice(-5)).toEqual(ids);
    expect(new Set(seen).size).toBe(seen.length);
    expect(await allPages('lineId=odd')).toEqual([ids[1], ids[3]]);
    expect(await allPages('lineId=odd&verdict=NG')).toEqual([]);
  });

  it('waits for the next inspection, over those its filter leaves out', async () => {
    const { nextCursor } = await page('limit=500');
    const waiting = page(`after=${nextCursor}&lineId=awaited&wait=20`);
    await inspect(service.url, only('rgb'), { lineId: 'another' });
    const { inspectionId } = await inspect(service.url, only('rgb'), { lineId: 'awaited' });
    expect((await waiting).items.map((item) => item.inspectionId)).toEqual([inspectionId]);
  });

  it('refuses a parameter it does not know, rather than start the feed again', async () => {
    const { status, body } = await readJson<Problem>(await fetch(`${service.url}/v1/inspections?cursor=abc`));
    expect(status).toBe(400);
    expect(body.code).toBe('BAD_REQUEST');
    expect(body.detail).toMatch(/cursor/);
  });

  it('gives an empty page where nothing comes', async () => {
    const { nextCursor } = await page('limit=500');
    const empty = await page(`after=${nextCursor}&wait=0.05`);
    expect(empty.items).toEqual([]);
    expect(await page(`after=${empty.nextCursor}`)).toMatchObject({ items: [] });
  });

  it.each([
    ['limit=0', 'BAD_REQUEST'],
    ['limit=many', 'BAD_REQUEST'],
    ['wait=31', 'BAD_REQUEST'],
    ['verdict=MAYBE', 'BAD_REQUEST'],
    ['after=nonsense', 'BAD_CURSOR'],
  ])('refuses %s', async (query, code) => {
    const answer = await readJson(await fetch(`${service.url}/v1/inspections?${query}`));
    expect(answer).toMatchObject({ status: 400, body: { code, status: 400 } });
    expect(answer.headers.get('content-type')).toMatch('application/problem+json');
  });

  interface FeedPage {
    items: Inspection[];
    nextCursor: string;
  }

  const page = async (query: string) =>
    (await (await fetch(`${service.url}/v1/inspections?${query}`)).json()) as FeedPage;

  async function allPages(query: string): Promise<string[]> {
    const ids: string[] = [];
    for (
      let next = await page(query);
      next.items.length > 0;
      next = await page(`${query}&after=${next.nextCursor}`)
    )
      ids.push(...next.items.map(({ inspectionId }) => inspectionId));
    return ids;
  }
});

describe('GET /v1/inspections/{id}/heatmap', () => {
  let href: string;
  beforeAll(async () => {
    const inspection = await inspect(service.url, only('rgb', 'acoustic'));
    href = `${service.url}${inspection.heatmap?.href}`;
    await untilFileKept(service.url, inspection.inspectionId, 'rgb');
  });

  const get = async (query: string, accept?: string) => {
    const response = await fetch(`${href}${query}`, accept === undefined ? {} : { headers: { accept } });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, type: response.headers.get('content-type'), bytes };
  };
  const PNG = Buffer.from('\x89PNG', 'latin1');

  it.each(['', '?modality=rgb', '?modality=acoustic', '?overlay=1'])('draws a picture: %s', async (query) => {
    const { status, type, bytes } = await get(query);
    expect([status, type]).toEqual([200, 'image/png']);
    expect(bytes.subarray(0, 4).equals(PNG)).toBe(true);
  });

  it('draws pictures in the size of their frame, and sound large enough to be read', async () => {
    const widthPx = ({ bytes }: { bytes: Buffer }) => bytes.readUInt32BE(16); // IHDR
    expect(widthPx(await get('?modality=rgb'))).toBe(64);
    expect(widthPx(await get('?modality=acoustic'))).toBe(256);
  });

  it('gives the exact values by Accept or by format', async () => {
    const npy = await get('', 'application/x-npy');
    expect(npy.type).toBe('application/x-npy');
    expect(npy.bytes.toString('latin1', 1, 6)).toBe('NUMPY');
    expect((await get('?format=npy')).bytes.equals(npy.bytes)).toBe(true);
    const deep = await get('', 'image/png;depth=16');
    expect(deep.type).toBe('image/png;depth=16');
    expect(deep.bytes[24]).toBe(16); // IHDR bit depth
    expect((await get('?format=png16')).bytes.equals(deep.bytes)).toBe(true);
  });

  it('lays the map over the capture only where asked', async () => {
    expect((await get('?overlay=1')).bytes.equals((await get('')).bytes)).toBe(false);
  });

  it('lays no map over a picture that does not share its pixels', async () => {
    const sound = await get('?modality=acoustic');
    expect((await get('?modality=acoustic&overlay=1')).bytes.equals(sound.bytes)).toBe(true);
  });

  it('lays the map of a registered modality over it', async () => {
    const { heatmap, inspectionId } = await inspect(service.url, only('rgb', 'depth'));
    await untilFileKept(service.url, inspectionId, 'rgb');
    const draw = async (query: string) =>
      Buffer.from(await (await fetch(`${service.url}${heatmap?.href}${query}`)).arrayBuffer());
    const bare = await draw('?modality=depth');
    expect((await draw('?modality=depth&overlay=1')).equals(bare)).toBe(false);
  });

  it('says which maps there are, and which types', async () => {
    const unknown = await get('?modality=depth');
    expect([unknown.status, JSON.parse(unknown.bytes.toString()).detail]).toEqual([
      404,
      expect.stringContaining('has no map of "depth"; it has: acoustic, rgb.'),
    ]);
    const refused = await get('', 'image/webp');
    expect([refused.status, JSON.parse(refused.bytes.toString()).code]).toEqual([406, 'NOT_ACCEPTABLE']);
  });
});

describe('the pages around it', () => {
  it('describes the loaded models', async () => {
    const { body } = await readJson<{ models: object[] }>(await fetch(`${service.url}/v1/models`));
    expect(body.models).toEqual([
      expect.objectContaining({
        name: 'tiny',
        version: 1,
        default: true,
        provider: { active: 'cpu', refused: [] },
        branches: expect.arrayContaining([expect.objectContaining({ id: 'acoustic+rgb' })]),
      }),
    ]);
  });

  it('is alive and ready', async () => {
    expect(await readJson(await fetch(`${service.url}/health/live`))).toMatchObject({
      status: 200,
      body: { status: 'live' },
    });
    expect(await readJson(await fetch(`${service.url}/health/ready`))).toMatchObject({
      status: 200,
      body: { ready: true, reasons: [], warnings: [], workers: { ready: 1, wanted: 1 } },
    });
  });

  it('counts what it did', async () => {
    await inspect(service.url, { ...only('rgb'), depth: Buffer.from('broken') });
    const text = await (await fetch(`${service.url}/metrics`)).text();
    expect(text).toMatch(/branchline_inspections_total\{model="tiny@1",verdict="\w+",branch="rgb"\} [1-9]/);
    expect(text).toMatch(
      /branchline_modality_dropped_total\{line="none",modality="depth",reason="unsupported_format"\} [1-9]/,
    );
    expect(text).toMatch(/branchline_modality_missing_total\{line="none",modality="acoustic"\} [1-9]/);
    expect(text).toMatch(/branchline_model_info\{name="tiny",version="1",sha256="\w{64}",provider="cpu"\} 1/);
    expect(text).toMatch(
      /branchline_http_requests_total\{method="POST",route="\/v1\/inspections",status="200"\}/,
    );
    expect(text).toMatch(/branchline_workers_ready 1/);
    expect(text).toMatch(/process_resident_memory_bytes \d/);
  });

  it('describes its API, the multipart body included', async () => {
    const { body } = await readJson<{ openapi: string; paths: Record<string, Record<string, never>> }>(
      await fetch(`${service.url}/openapi.json`),
    );
    expect(body.openapi).toBe('3.1.0');
    expect(JSON.stringify(body)).not.toContain(String(Number.MAX_SAFE_INTEGER));
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/health/live',
        '/health/ready',
        '/v1/inspections',
        '/v1/inspections/{id}',
        '/v1/inspections/{id}/heatmap',
        '/v1/models',
      ]),
    );
    expect(body.paths['/v1/inspections']?.post).toMatchObject({
      requestBody: {
        content: { 'multipart/form-data': { schema: { properties: { metadata: { type: 'object' } } } } },
      },
    });
    const docs = await fetch(service.url);
    expect([docs.status, docs.url]).toEqual([200, `${service.url}/docs`]);
  });

  it('says what is not there', async () => {
    const answer = await readJson(await fetch(`${service.url}/v2/nothing?x=1`));
    expect(answer).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', detail: 'There is no GET /v2/nothing; see /docs.' },
    });
  });

  it.each(['%zz', 'a'.repeat(200)])(
    'answers an address the router refuses with a problem too: %s',
    async (id) => {
      const answer = await readJson(await fetch(`${service.url}/v1/inspections/${id}`));
      expect(answer).toMatchObject({ status: 400, body: { status: 400, code: 'BAD_REQUEST' } });
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    },
  );
});
