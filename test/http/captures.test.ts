// Captures over HTTP: sent again, sent to be judged later, sent in pieces; and what clients do wrong with them.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CaptureView } from '../../src/captures/view.js';
import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';
import { captureForm, inspect, readJson } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { type RunningService, startService } from '../support/service.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

let service: RunningService;
let good: GoldenCapture;
beforeAll(async () => {
  service = await startService({ CAPTURE_MAX_WAIT_MS: '400', BODY_LIMIT_BYTES: '1048576' });
  good = await goldenCapture(0);
});
afterAll(() => service.close());

type Body = Uint8Array<ArrayBuffer> | string | FormData;
const TYPES: Record<string, string> = { rgb: 'image/png', acoustic: 'audio/wav' };

async function send<T = CaptureView & Problem>(
  method: string,
  path: string,
  body?: Body,
  headers: Record<string, string> = {},
) {
  const sent = await fetch(`${service.url}/v1/captures/${path}`, { method, headers, ...(body && { body }) });
  return readJson<T>(sent);
}
const file = (name: string) => new Uint8Array(good.parts[name] ?? []);
const putPiece = (captureId: string, name: string, bytes = file(name)) =>
  send('PUT', `${captureId}/modalities/${name}`, bytes, {
    'content-type': TYPES[name] ?? 'application/octet-stream',
  });
const putMetadata = (captureId: string, metadata: object | string) =>
  send('PUT', `${captureId}/metadata`, typeof metadata === 'string' ? metadata : JSON.stringify(metadata), {
    'content-type': 'application/json',
  });
const post = (
  parts: Readonly<Record<string, Uint8Array>>,
  metadata: object,
  headers: Record<string, string> = {},
) => fetch(`${service.url}/v1/inspections`, { method: 'POST', body: captureForm(parts, metadata), headers });

describe('POST /v1/inspections', () => {
  it('answers the same capture again with the first answer, and says so', async () => {
    const first = await readJson<Inspection>(await post(good.parts, { captureId: 'again' }));
    const second = await readJson<Inspection>(await post(good.parts, { captureId: 'again' }));
    expect(first.headers.get('idempotent-replay')).toBeNull();
    expect(second.headers.get('idempotent-replay')).toBe('true');
    expect(second.body).toEqual(first.body);
    expect(await metric(service.url, 'branchline_captures_replayed_total')).toBe(1);
  });

  it('refuses other content under the same id', async () => {
    await post(good.parts, { captureId: 'other' });
    const answer = await readJson<Problem>(await post({ rgb: file('rgb') }, { captureId: 'other' }));
    expect(answer).toMatchObject({ status: 409, body: { code: 'CAPTURE_CONFLICT', part: 'captureId' } });
  });

  it('judges a capture again whose first attempt was refused', async () => {
    const broken = await post({ rgb: Buffer.from('no picture') }, { captureId: 'retry' });
    expect(broken.status).toBe(415);
    const { branch } = await inspect(service.url, good.parts, { captureId: 'retry' });
    expect(branch).toBe('acoustic+depth+rgb');
  });

  it('twins that race are stored once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        inspect(service.url, good.parts, { captureId: 'race', lineId: 'race' }),
      ),
    );
    expect(new Set(answers.map(({ inspectionId }) => inspectionId)).size).toBe(1);
    const feed = await readJson<{ items: Inspection[] }>(
      await fetch(`${service.url}/v1/inspections?lineId=race`),
    );
    expect(feed.body.items).toHaveLength(1);
  });

  it('accepts a capture to be judged later, and tells where to look', async () => {
    const accepted = await post(good.parts, { captureId: 'later/1' }, { prefer: 'wait=5, Respond-Async' });
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('preference-applied')).toBe('respond-async');
    const location = accepted.headers.get('location');
    expect(location).toBe('/v1/captures/later%2F1');
    const { body } = await readJson<CaptureView>(await fetch(`${service.url}${location}?wait=20`));
    expect(body).toMatchObject({ captureId: 'later/1', state: 'COMPLETED', revision: 1, failure: null });
    const found = await readJson<Inspection>(await fetch(`${service.url}${body.inspection?.href}`));
    expect(found.body).toMatchObject({ captureId: 'later/1', branch: 'acoustic+depth+rgb', stored: true });
    expect(found.body.score).toBeCloseTo(good.scores.get('acoustic+depth+rgb') ?? Number.NaN, 4);
  });

  it.each([
    [{ sonar: Buffer.from('x') }, {}, 400, 'UNKNOWN_MODALITY'],
    [{}, {}, 400, 'NO_PARTS'],
    [{ rgb: Buffer.from('x') }, { recipe: 'soup' }, 422, 'UNKNOWN_RECIPE'],
  ])('refuses at the door what would be refused later: %#', async (parts, metadata, status, code) => {
    const answer = await readJson<Problem>(await post(parts, metadata, { prefer: 'respond-async' }));
    expect(answer).toMatchObject({ status, body: { code } });
  });

  it('sets aside what shows to be broken only when it is judged', async () => {
    const broken = { rgb: Buffer.from('no picture') };
    await post(broken, { captureId: 'broken' }, { prefer: 'respond-async' });
    const { body } = await send('GET', 'broken?wait=20');
    const failure = { code: 'PART_UNSUPPORTED' };
    expect(body).toMatchObject({ state: 'FAILED', failure, revision: 1 });
    const record = await readJson<Inspection>(await fetch(`${service.url}${body.inspection?.href}`));
    expect(record.body).toMatchObject({
      ...{ captureId: 'broken', state: 'FAILED', failure, verdict: 'NOT_DECIDABLE', model: null },
    });
    const file = await readJson<Problem>(await fetch(`${service.url}${body.inspection?.href}/captures/rgb`));
    expect([file.status, file.body.detail]).toEqual([404, expect.stringContaining('was set aside')]);
    const again = await readJson<Problem>(await post(broken, { captureId: 'broken' }));
    expect(again).toMatchObject({ status: 422, body: { code: 'CAPTURE_FAILED' } });
  });
});

describe('a capture in pieces', () => {
  it('is judged on the word, with what came', async () => {
    const first = await putPiece('p:1', 'rgb');
    expect(first).toMatchObject({
      status: 201,
      body: { state: 'OPEN', modalities: [{ name: 'rgb', late: false }] },
    });
    expect((await putPiece('p:1', 'rgb')).status).toBe(200);
    expect((await putPiece('p:1', 'acoustic')).status).toBe(201);
    expect((await putMetadata('p:1', { lineId: 'line-1', partId: 'A-7' })).status).toBe(201);
    const judged = await send<Inspection>('POST', 'p:1:complete');
    expect(judged).toMatchObject({
      status: 200,
      body: { captureId: 'p:1', lineId: 'line-1', branch: 'acoustic+rgb', revision: 1, previous: null },
    });
    expect(judged.body.modalities.missing).toEqual(['depth']);
    const again = await send<Inspection>('POST', 'p:1:complete');
    expect([again.status, again.headers.get('idempotent-replay')]).toEqual([200, 'true']);
    expect(again.body).toEqual(judged.body);
  });

  it('is judged at the deadline where no word comes', async () => {
    await putPiece('deadline', 'depth');
    const { body } = await send('GET', 'deadline?wait=20');
    expect(body).toMatchObject({ state: 'COMPLETED', revision: 1 });
    const found = await fetch(`${service.url}${body.inspection?.href}`);
    expect(((await found.json()) as Inspection).branch).toBe('depth');
  });

  it('is judged later where the client does not wait', async () => {
    await putPiece('word', 'rgb');
    const accepted = await send('POST', 'word:complete', undefined, { prefer: 'respond-async' });
    expect([accepted.status, accepted.headers.get('location')]).toEqual([202, '/v1/captures/word']);
    expect((await send('GET', 'word?wait=20')).body.state).toBe('COMPLETED');
  });
});

describe('bad input', () => {
  it.each([
    ['an unknown modality', () => putPiece('b-1', 'sonar', file('rgb')), 400, 'UNKNOWN_MODALITY', 'sonar'],
    ['an empty piece', () => putPiece('b-2', 'rgb', new Uint8Array()), 400, 'PART_EMPTY', 'rgb'],
    ['the word for an unknown capture', () => send('POST', 'nobody:complete'), 404, 'NOT_FOUND', 'captureId'],
    ['the state of an unknown capture', () => send('GET', 'nobody'), 404, 'NOT_FOUND', 'captureId'],
    ['an id with control characters', () => putPiece('a%00b', 'rgb'), 400, 'BAD_REQUEST', 'captureId'],
    ['an id that is too long', () => send('GET', 'x'.repeat(129)), 400, 'BAD_REQUEST', 'captureId'],
    [
      'a modality with control characters',
      () => putPiece('b-3', 'r%0Agb', file('rgb')),
      400,
      'BAD_REQUEST',
      'name',
    ],
    [
      'metadata of another capture',
      () => putMetadata('b-4', { captureId: 'b-5' }),
      400,
      'BAD_METADATA',
      'captureId',
    ],
    [
      'metadata with an unknown field',
      () => putMetadata('b-4', { lineid: 'x' }),
      400,
      'BAD_METADATA',
      'metadata',
    ],
    ['metadata that are no JSON', () => putMetadata('b-4', '{'), 400, 'BAD_METADATA', 'metadata'],
    ['an unknown recipe', () => putMetadata('b-4', { recipe: 'soup' }), 422, 'UNKNOWN_RECIPE', 'metadata'],
    ['10 MB of metadata', () => putMetadata('b-4', ' '.repeat(10_000_000)), 413, 'BODY_TOO_LARGE', undefined],
    [
      'a piece over the limit',
      () => putPiece('b-6', 'rgb', new Uint8Array(1_048_577)),
      413,
      'BODY_TOO_LARGE',
      undefined,
    ],
    [
      'a piece as a form',
      () => send('PUT', 'b-7/modalities/rgb', captureForm({ rgb: file('rgb') })),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      undefined,
    ],
    ['a wait without end', () => send('GET', 'nobody?wait=3600'), 400, 'BAD_REQUEST', 'wait'],
  ])('%s', async (_what, request, status, code, part) => {
    const { status: answered, body } = await request();
    expect([answered, body.code, body.part]).toEqual([status, code, part]);
    expect(body.detail.length).toBeGreaterThan(10);
  });

  it('a piece with other bytes than the first', async () => {
    await putPiece('b-8', 'rgb');
    const { status, body } = await putPiece('b-8', 'rgb', file('acoustic'));
    expect([status, body.code, body.part]).toEqual([409, 'CAPTURE_CONFLICT', 'rgb']);
  });

  it('10 MB of metadata beside the parts, and an id with control characters in it', async () => {
    const large = await readJson<Problem>(await post(good.parts, { partId: 'x'.repeat(10_000_000) }));
    expect(large.status).toBe(413);
    const control = await readJson<Problem>(await post(good.parts, { captureId: 'a\u0007b' }));
    expect(control).toMatchObject({ status: 400, body: { code: 'BAD_METADATA' } });
    expect(control.body.detail).toMatch(/metadata\.captureId: must not contain control characters/);
  });
});
