// Recipes over HTTP: what judges a part, what its record says of that, and what clients do wrong.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';
import type { RecipeRevision } from '../../src/recipes/recipe.js';
import { inspect, readJson } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

let folder: string;
let service: RunningService;
let good: GoldenCapture;
const start = () => startService({ STORE_PATH: join(folder, 'store') });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-recipes-'));
  service = await start();
  good = await goldenCapture(0);
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

async function send<T = RecipeRevision & Problem>(
  method: string,
  path: string,
  body?: object | string,
  headers: Record<string, string> = {},
) {
  const json = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(`${service.url}/v1/recipes${path}`, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: json }),
  });
  return answer.status === 204
    ? { status: 204, headers: answer.headers, body: {} as T }
    : readJson<T>(answer);
}
const put = (id: string, recipe: object | string, headers?: Record<string, string>) =>
  send('PUT', `/${id}`, recipe, headers);

it('judges by the recipe as it is, and the record says which revision that was', async () => {
  const first = await put('strict', { thresholds: { review: 0.01, reject: 0.02 }, required: ['rgb'] });
  expect(first).toMatchObject({ status: 201, body: { id: 'strict', revision: 1, origin: 'api' } });
  const strict = await inspect(service.url, good.parts, { recipe: 'strict' });
  expect(strict).toMatchObject({ verdict: 'NG', recipe: 'strict' });
  expect(strict.recipeRevision).toEqual({ revision: 1, hash: first.body.hash });

  const second = await put('strict', { thresholds: { review: 0.98, reject: 0.99 } });
  expect(second).toMatchObject({ status: 200, body: { revision: 2 } });
  const mild = await inspect(service.url, good.parts, { recipe: 'strict' });
  expect(mild).toMatchObject({ verdict: 'OK', recipeRevision: { revision: 2, hash: second.body.hash } });
  expect((await inspect(service.url, good.parts)).recipeRevision).toBeNull();
});

it('judges a branch by its own thresholds where the recipe has some', async () => {
  const thresholdsByBranch = { rgb: { review: 0.001, reject: 0.002 } };
  await put('by-branch', { thresholds: { review: 0.98, reject: 0.99 }, thresholdsByBranch });
  const rgb = { rgb: good.parts.rgb ?? Buffer.alloc(0) };
  expect(await inspect(service.url, rgb, { recipe: 'by-branch' })).toMatchObject({
    verdict: 'NG',
    thresholds: thresholdsByBranch.rgb,
  });
  expect((await inspect(service.url, good.parts, { recipe: 'by-branch' })).verdict).toBe('OK');
});

it('reads one, old revisions and all, and outlives a restart', async () => {
  const { body, headers } = await put('kept', { late: 'revise' });
  expect(headers.get('etag')).toBe(`"1-${body.hash.slice(0, 16)}"`);
  await put('kept', { maxWaitMs: 100 });
  await service.close();
  service = await start();
  expect((await send('GET', '/kept')).body).toMatchObject({ revision: 2, recipe: { maxWaitMs: 100 } });
  expect((await send('GET', '/kept?revision=1')).body).toEqual(body);
  const all = await send<{ recipes: RecipeRevision[] }>('GET', '');
  expect(all.body.recipes.map(({ id }) => id)).toContain('kept');
});

it('writes and deletes on condition', async () => {
  const { headers } = await put('guarded', {});
  const tag = headers.get('etag') ?? '';
  expect((await put('guarded', { maxWaitMs: 1 }, { 'if-match': tag })).status).toBe(200);
  const late = await put('guarded', { maxWaitMs: 2 }, { 'if-match': tag });
  expect(late).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
  expect((await put('guarded', {}, { 'if-none-match': '*' })).status).toBe(412);
  expect((await send('DELETE', '/guarded', undefined, { 'if-match': tag })).status).toBe(412);
  expect((await send('DELETE', '/guarded')).status).toBe(204);
  expect((await send('GET', '/guarded')).status).toBe(404);
  expect((await send('GET', '/guarded?revision=2')).body.recipe).toMatchObject({ maxWaitMs: 1 });
});

/** Of the tiny bundle's rgb, which is 64 x 64. */
const masked = (shapes: object) => ({ masks: { rgb: { size: [64, 64], ...shapes } } });
const square = { rect: [0, 0, 9, 9] };
const badMasks: [string, object, number, string, RegExp][] = [
  [
    'a polygon of two points',
    masked({
      ignore: [
        {
          polygon: [
            [1, 1],
            [5, 5],
          ],
        },
      ],
    }),
    400,
    'BAD_REQUEST',
    /^masks\.rgb\.ignore\[0\]\.polygon: must have at least 3 points\.$/,
  ],
  [
    'a polygon of 10,000 points',
    masked({ roi: [{ polygon: Array(10_000).fill([1, 2]) }] }),
    400,
    'BAD_REQUEST',
    /must have at most 256 points/,
  ],
  [
    '1,000 shapes',
    masked({ ignore: Array(1000).fill(square) }),
    400,
    'BAD_REQUEST',
    /must have at most 64 shapes/,
  ],
  ['a shape that is none', masked({ roi: [{}] }), 400, 'BAD_REQUEST', /must be a rect or a polygon/],
  ['a list without a shape', masked({ roi: [] }), 400, 'BAD_REQUEST', /must have a shape, or be left out/],
  [
    'a rect without area',
    masked({ roi: [{ rect: [1, 1, 0, 4] }] }),
    400,
    'BAD_REQUEST',
    /^masks\.rgb\.roi\[0\]: must have a width and a height of more than 0\.$/,
  ],
  [
    'a rect outside the frame',
    masked({ roi: [square, { rect: [60, 0, 9, 9] }] }),
    400,
    'BAD_REQUEST',
    /^masks\.rgb\.roi\[1\]: reaches 69, 9, outside the 64 x 64 of its size\.$/,
  ],
  [
    'a polygon outside the frame',
    masked({
      ignore: [
        {
          polygon: [
            [0, 0],
            [65, 0],
            [0, 5],
          ],
        },
      ],
    }),
    400,
    'BAD_REQUEST',
    /reaches 65, 0, outside/,
  ],
  ['an unknown frame', { masks: { sonar: { size: [64, 64] } } }, 422, 'BAD_RECIPE', /masks "sonar"/],
  [
    'a mask without its size',
    { masks: { rgb: { roi: [square] } } },
    400,
    'BAD_REQUEST',
    /^masks\.rgb\.size: /,
  ],
  [
    'a region of interest that keeps nothing',
    masked({ roi: [square], ignore: [{ rect: [0, 0, 20, 20] }] }),
    422,
    'BAD_RECIPE',
    /keeps no place of the map/,
  ],
];

describe('bad input', () => {
  it.each([
    [
      'review > reject',
      { thresholds: { review: 0.7, reject: 0.5 } },
      400,
      'BAD_REQUEST',
      /^thresholds: review must not exceed reject\.$/,
    ],
    [
      'review > reject of a branch',
      { thresholdsByBranch: { rgb: { review: 1, reject: 0 } } },
      400,
      'BAD_REQUEST',
      /^thresholdsByBranch\.rgb: review must not/,
    ],
    [
      'a threshold beyond 1',
      { thresholds: { review: 0.5, reject: 1.5 } },
      400,
      'BAD_REQUEST',
      /^thresholds\.reject: /,
    ],
    ['an unknown field', { tresholds: {} }, 400, 'BAD_REQUEST', /tresholds/],
    ['an unknown model', { model: 'huge' }, 422, 'BAD_RECIPE', /names model "huge"/],
    ['an unknown modality', { required: ['sonar'] }, 422, 'BAD_RECIPE', /requires "sonar"/],
    ['a wait without end', { maxWaitMs: 1e9 }, 400, 'BAD_REQUEST', /^maxWaitMs: /],
    [
      'late as nobody knows it',
      { late: 'never' },
      400,
      'BAD_REQUEST',
      /^late: must be "ignore" or "revise"\.$/,
    ],
    ...badMasks,
    [
      'an age that is none',
      { retention: { okDays: -1 } },
      400,
      'BAD_REQUEST',
      /^retention\.okDays: must be days/,
    ],
    [
      'an unknown policy',
      { retention: { keepCaptures: 'some' } },
      400,
      'BAD_REQUEST',
      /must be one of none, review/,
    ],
    ['no JSON', '{', 400, 'BAD_REQUEST', /not valid JSON/],
    ['too much', ' '.repeat(100_000), 413, 'BODY_TOO_LARGE', /over 65536 bytes/],
  ])('%s', async (_what, recipe, status, code, detail) => {
    const answer = await put('bad', recipe);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.detail).toMatch(detail);
    expect((await send('GET', '/bad')).status).toBe(404);
  });

  it('ids that are none, and recipes that are not there', async () => {
    expect((await put('a%01b', {})).status).toBe(400);
    expect((await put('x'.repeat(129), {})).status).toBe(400);
    expect((await send('DELETE', '/nobody')).status).toBe(404);
    expect((await send('POST', '/nobody:calibrate', { falseCallRate: 0.1 })).status).toBe(404);
    expect((await send('GET', '/strict?revision=99')).status).toBe(404);
    expect((await send('GET', '/strict?revision=0')).status).toBe(400);
  });
});

describe('calibration', () => {
  const calibrate = (body: object) =>
    send<Problem & { thresholds: unknown; applied: number | null; n: number; proposed: object }>(
      'POST',
      '/cal:calibrate',
      body,
    );

  it('proposes from reviewed parts, and applies only what it is told to', async () => {
    await put('cal', { thresholds: { review: 0.98, reject: 0.99 } });
    const few = await calibrate({ falseCallRate: 0.5 });
    expect(few).toMatchObject({ status: 422, body: { code: 'TOO_FEW_PARTS', part: 'falseCallRate' } });
    const scores: number[] = [];
    for (const sample of [0, 1, 1]) {
      const { parts } = await goldenCapture(sample);
      const { inspectionId, score } = (await inspect(service.url, parts, { recipe: 'cal' })) as Inspection;
      scores.push(score ?? 0);
      await fetch(`${service.url}/v1/inspections/${inspectionId}/reviews`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ decision: 'CONFIRMED', by: 'q' }),
      });
    }
    // The 2nd of 3.
    const review = (Math.floor((scores.sort((a, b) => a - b)[1] ?? 0) * 1e6) + 1) / 1e6;
    const proposed = await calibrate({ falseCallRate: 0.5 });
    expect(proposed).toMatchObject({
      status: 200,
      body: { n: 3, applied: null, thresholds: { review, reject: 0.99 } },
    });
    expect((await send('GET', '/cal')).body.revision).toBe(1);
    const applied = await calibrate({ falseCallRate: 0.5, apply: true });
    expect(applied.body.applied).toBe(2);
    expect((await send('GET', '/cal')).body).toMatchObject({
      revision: 2,
      recipe: { thresholds: { review, reject: 0.99 } },
    });
  });

  it.each([
    [{}],
    [{ falseCallRate: 0 }],
    [{ falseCallRate: 0.9 }],
    [{ falseCallRate: 0.1, from: 'monday' }],
    [{ falseCallRate: 0.1, after: 'x' }],
  ])('refuses %j', async (body) => {
    expect((await calibrate(body)).status).toBe(400);
  });
});
