// "Accept: text/plain": what a controller that cannot parse JSON is told, and that it never contradicts the verdict.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { prefersText } from '../../src/http/accept.js';
import { inspectionLine } from '../../src/http/plain-text.js';
import type { Inspection } from '../../src/inspection.js';
import { verdictFor } from '../../src/verdict/judge.js';
import { captureForm, inspect } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

const judged = (score: number, review = 0.5, reject = 0.7) =>
  ({ verdict: verdictFor(score, { review, reject }), score, thresholds: { review, reject } }) as Inspection;

describe('the line of an inspection', () => {
  it.each([
    [judged(0.83), 'NG 0.83'],
    [judged(0.8399), 'NG 0.83'],
    [judged(0.4999), 'OK 0.49'],
    [judged(0.29), 'OK 0.29'],
    [judged(0.5), 'REVIEW 0.50'],
    [judged(0), 'OK 0.00'],
    [judged(1), 'NG 1.00'],
    [judged(5e-7), 'OK 0.00'],
    [judged(0.5075, 0.505, 0.7), 'REVIEW 0.507'],
    [judged(0.506, 0.505, 0.506), 'NG 0.506'],
    [judged(5e-7, 4e-7, 0.7), 'REVIEW 0.0000005'],
    [{ verdict: 'NOT_DECIDABLE', score: null, thresholds: null } as Inspection, 'NOT_DECIDABLE'],
  ])('%# is short', (inspection, line) => {
    expect(inspectionLine(inspection)).toBe(line);
  });

  it('never names a score that its thresholds would judge otherwise', () => {
    const unit = fc.integer({ min: 0, max: 1e9 }).map((billionths) => billionths / 1e9);
    fc.assert(
      fc.property(unit, unit, unit, (score, one, other) => {
        const inspection = judged(score, Math.min(one, other), Math.max(one, other));
        const [verdict, text] = inspectionLine(inspection).split(' ');
        expect(text).toMatch(/^[01]\.\d{2,}$/);
        expect(verdictFor(Number(text), inspection.thresholds ?? { review: 0, reject: 0 })).toBe(verdict);
      }),
    );
  });
});

describe('prefersText', () => {
  it.each([
    ['text/plain', true],
    ['TEXT/PLAIN; charset=utf-8', true],
    ['text/plain, */*', true],
    ['application/json;q=0.5, text/plain', true],
    [undefined, false],
    ['*/*', false],
    ['text/*', false],
    // As axios sends it.
    ['application/json, text/plain, */*', false],
    ['text/plain;q=0', false],
  ])('%s: %s', (accept, prefers) => {
    expect(prefersText(accept)).toBe(prefers);
  });
});

describe('over HTTP', () => {
  let service: RunningService;
  let good: GoldenCapture;
  let line: string;
  beforeAll(async () => {
    service = await startService();
    good = await goldenCapture(0);
    line = inspectionLine(await inspect(service.url, good.parts, { captureId: 'seen' }));
  });
  afterAll(() => service.close());

  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { accept: 'text/plain', ...(init.headers as Record<string, string>) };
    const response = await fetch(`${service.url}/v1/${path}`, { ...init, headers });
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  const rgb = () => new Uint8Array(good.parts.rgb ?? []);

  it('answers a multipart body, and the same capture again', async () => {
    const body = () => captureForm(good.parts, { captureId: 'line' });
    const first = await ask('inspections', { method: 'POST', body: body() });
    expect(first).toMatchObject({ status: 200, text: line });
    expect(line).toMatch(/^(OK|REVIEW|NG) 0\.\d\d$/);
    expect(first.headers.get('vary')).toBe('accept');
    const again = await ask('inspections', { method: 'POST', body: body() });
    expect(again.text).toBe(line);
    expect(again.headers.get('idempotent-replay')).toBe('true');
  });

  it('answers a raw body, and looks an inspection or a capture up', async () => {
    const raw = { method: 'POST', body: rgb(), headers: { 'content-type': 'image/png' } };
    expect(await ask('inspections?modality=rgb', raw)).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^(OK|REVIEW|NG) 0\.\d\d$/),
    });
    const { inspectionId } = await inspect(service.url, good.parts, { captureId: 'seen' });
    expect(await ask(`inspections/${inspectionId}`)).toMatchObject({ status: 200, text: line });
    expect(await ask('captures/seen')).toMatchObject({ status: 200, text: line });
  });

  it('tells the state of what is not judged yet', async () => {
    const piece = { method: 'PUT', body: rgb(), headers: { 'content-type': 'image/png' } };
    expect(await ask('captures/apart/modalities/rgb', piece)).toMatchObject({ status: 201, text: 'OPEN' });
    expect(await ask('captures/apart')).toMatchObject({ status: 200, text: 'OPEN' });
    const judgedNow = await ask('captures/apart:complete', { method: 'POST' });
    expect(judgedNow.text).toMatch(/^(OK|REVIEW|NG) 0\.\d\d$/);
    expect((await ask('captures/apart')).text).toBe(judgedNow.text);
    const later = {
      method: 'POST',
      body: captureForm(good.parts, { captureId: 'later' }),
      headers: { prefer: 'respond-async' },
    };
    expect(await ask('inspections', later)).toMatchObject({ status: 202, text: 'ACCEPTED' });
    expect((await ask('captures/later?wait=10')).text).toBe(line);
  });

  it('says of a capture that was set aside why it was', async () => {
    const broken = {
      method: 'POST',
      body: captureForm({ rgb: Buffer.from('no picture') }, { captureId: 'broken' }),
      headers: { prefer: 'respond-async' },
    };
    await ask('inspections', broken);
    expect(await ask('captures/broken?wait=10')).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^ERROR PART_UNSUPPORTED Part "rgb" cannot be used: /),
    });
  });

  it('says what cannot be decided, and refuses, in one line', async () => {
    const unknown = await ask('inspections', { method: 'POST', body: captureForm({ sonar: rgb() }) });
    expect(unknown).toMatchObject({
      status: 400,
      text: 'ERROR UNKNOWN_MODALITY The model knows no modality "sonar"; it knows: acoustic, depth, rgb.',
    });
    expect(await ask('inspections/nobody')).toMatchObject({
      status: 404,
      text: expect.stringMatching(/^ERROR NOT_FOUND [^\n]+$/),
    });
    expect(await ask('nothing')).toMatchObject({
      status: 404,
      text: expect.stringMatching(/^ERROR NOT_FOUND /),
    });
    // The detail quotes what came, line break and all.
    const broken = await ask('inspections?modality=so%0Anar', {
      method: 'POST',
      body: rgb(),
      headers: { 'content-type': 'image/png' },
    });
    expect(broken).toMatchObject({
      status: 400,
      text: expect.stringMatching(/^ERROR UNKNOWN_MODALITY The model knows no modality "so nar"; [^\n]+$/),
    });
  });

  it('still gives JSON to whoever takes both', async () => {
    const response = await fetch(`${service.url}/v1/captures/seen`, {
      headers: { accept: 'application/json, text/plain, */*' },
    });
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  it('is in the OpenAPI document', async () => {
    const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { responses: Record<string, { content: object }> }>>;
    };
    const { responses } = document.paths['/v1/inspections']?.post ?? { responses: {} };
    expect(Object.keys(responses['200']?.content ?? {})).toEqual(['application/json', 'text/plain']);
    expect(Object.keys(responses['4XX']?.content ?? {})).toEqual(['application/problem+json', 'text/plain']);
  });
});
