// What clients do wrong: each gets its status and a sentence that helps, and the next capture is answered.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Manifest } from '../../src/bundle/manifest.js';
import { captureForm, inspect, type Parts, refuse } from '../support/client.js';
import { npyFile } from '../support/files.js';
import { bombPng, cut, grey8, grey16, rgb8 } from '../support/pictures.js';
import { type RunningService, startService } from '../support/service.js';
import { copyTinyBundle, type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

const BODY_LIMIT_BYTES = 12 * 1024 * 1024;

let service: RunningService;
let good: GoldenCapture;
beforeAll(async () => {
  service = await startService({ BODY_LIMIT_BYTES: String(BODY_LIMIT_BYTES) });
  good = await goldenCapture(0);
});
afterEach(() => expectNextAnswered(service));
afterAll(() => service.close());

async function expectNextAnswered({ url }: RunningService): Promise<void> {
  const { branch, score } = await inspect(url, good.parts);
  expect(branch).toBe('acoustic+depth+rgb');
  expect(score).toBeCloseTo(good.scores.get('acoustic+depth+rgb') ?? Number.NaN, 4);
}

async function expectRefused(
  body: Parameters<typeof refuse>[1],
  expected: { status: number; code: string; detail: string | RegExp; part?: string },
  headers: Record<string, string> = {},
): Promise<void> {
  const answer = await refuse(service.url, body, headers);
  const detail = expect.stringMatching(expected.detail);
  expect(answer).toMatchObject({
    status: expected.status,
    body: { status: expected.status, code: expected.code, detail, error: detail, title: expect.any(String) },
  });
  expect(answer.body.part).toBe(expected.part);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
}

const form = (parts: Parts, metadata?: object | string) => captureForm(parts, metadata);

describe('the parts of a capture', () => {
  it('none at all', async () => {
    const expected = {
      status: 400,
      code: 'NO_PARTS',
      detail: /^The capture carries no modality; send at least one part named acoustic, depth, rgb\.$/,
    };
    await expectRefused(form({}, { lineId: 'L1' }), expected);
    await expectRefused('{"modalities":{}}', expected, { 'content-type': 'application/json' });
  });

  it('an unknown modality', () =>
    expectRefused(form({ sonar: Buffer.from('x'), ...good.parts }), {
      status: 400,
      code: 'UNKNOWN_MODALITY',
      detail: /^The model knows no modality "sonar"; it knows: acoustic, depth, rgb\.$/,
      part: 'sonar',
    }));

  it('two of one name', () => {
    const body = form(good.parts);
    body.append('rgb', new Blob(['again']));
    return expectRefused(body, {
      status: 400,
      code: 'DUPLICATE_PART',
      detail: /^Two parts are named "rgb"; send each modality once\.$/,
      part: 'rgb',
    });
  });

  it('one of zero bytes', () =>
    expectRefused(form({ depth: Buffer.alloc(0) }), {
      status: 400,
      code: 'PART_EMPTY',
      detail: /^Part "depth" cannot be used: /,
      part: 'depth',
    }));

  it('text under the name of a picture', () =>
    expectRefused(form({ rgb: Buffer.from('I am a PNG, honestly') }), {
      status: 415,
      code: 'PART_UNSUPPORTED',
      detail: /^Part "rgb" cannot be used: .*PNG/,
      part: 'rgb',
    }));
});

describe('a broken file', () => {
  it.each(['png', 'jpeg', 'tiff'] as const)('a truncated %s', async (format) =>
    expectRefused(form({ rgb: cut(await rgb8(format)) }), {
      status: 422,
      code: 'PART_CORRUPT',
      detail: /^Part "rgb" cannot be used: /,
      part: 'rgb',
    }),
  );

  it('a truncated TIFF of 16 bits', async () =>
    expectRefused(form({ depth: cut(await grey16('tiff')) }), {
      status: 422,
      code: 'PART_CORRUPT',
      detail: /^Part "depth" cannot be used: /,
      part: 'depth',
    }));

  it('a truncated WAV', () =>
    expectRefused(form({ acoustic: cut(good.parts.acoustic ?? Buffer.alloc(0)) }), {
      status: 422,
      code: 'PART_CORRUPT',
      detail: /^Part "acoustic" cannot be used: /,
      part: 'acoustic',
    }));

  it('a bomb of 20,000 x 20,000 pixels, refused at once', async () => {
    const bomb = bombPng(20_000);
    const startedMs = performance.now();
    await expectRefused(form({ rgb: bomb }), {
      status: 413,
      code: 'PART_TOO_LARGE',
      detail: /^Part "rgb" cannot be used: .*20000/,
      part: 'rgb',
    });
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });

  it('16 bits where 8 are right, and the reverse', async () => {
    await expectRefused(form({ rgb: await grey16('png') }), {
      status: 422,
      code: 'PART_WRONG_KIND',
      detail: /^Part "rgb" cannot be used: .*16/,
      part: 'rgb',
    });
    await expectRefused(form({ depth: await grey8() }), {
      status: 422,
      code: 'PART_WRONG_KIND',
      detail: /^Part "depth" cannot be used: .*8 bits/,
      part: 'depth',
    });
  });

  it('beside a good one: dropped and reported, not fatal', async () => {
    const { branch, modalities } = await inspect(service.url, {
      ...good.parts,
      depth: await grey8(),
      rgb: cut(await rgb8('jpeg')),
    });
    expect(branch).toBe('acoustic');
    expect(modalities.dropped.map(({ name, reason }) => [name, reason])).toEqual([
      ['depth', 'wrong_bit_depth'],
      ['rgb', 'corrupt'],
    ]);
  });

  it('a value that no sensor measures, which would spoil the score of the rest', async () => {
    const values = new Float32Array(64 * 64).map((_, i) => (i === 9 ? -3.4028234e38 : 5 + (i % 7)));
    const depth = npyFile('<f4', [64, 64], values);
    await expectRefused(form({ depth }), {
      status: 422,
      code: 'PART_CORRUPT',
      detail: /holds the value -3\.4e\+38, .*must be NaN/,
      part: 'depth',
    });
    const { branch, modalities } = await inspect(service.url, { ...good.parts, depth });
    expect(branch).toBe('acoustic+rgb');
    expect(modalities.dropped).toMatchObject([{ name: 'depth', reason: 'corrupt' }]);
  });

  it('no error, but no verdict: a depth map of nothing but NaN', async () => {
    const depth = npyFile('<f4', [64, 64], new Float32Array(64 * 64).fill(Number.NaN));
    expect(await inspect(service.url, { depth })).toMatchObject({
      verdict: 'NOT_DECIDABLE',
      modalities: { dropped: [{ name: 'depth', reason: 'no_valid_pixels' }] },
    });
  });
});

describe('the metadata', () => {
  const refused = (metadata: object | string, code: string, detail: RegExp, status = 400) =>
    expectRefused(form(good.parts, metadata), { status, code, detail, part: 'metadata' });

  it('is not JSON', () => refused('lineId=L1', 'BAD_METADATA', /^The metadata is not JSON: /));

  it.each([
    [{ lineId: 7 }, /^metadata\.lineId: must be a text, not a number\.$/],
    [{ capturedAt: 'yesterday' }, /^metadata\.capturedAt: must be a time with a zone, such as /],
    [
      { attributes: { nested: {} } },
      /^metadata\.attributes\.nested: must be a text .*, a number, true or false/,
    ],
    [{ modalities: { depth: { scale: 'mm' } } }, /^metadata\.modalities\.depth\.scale: must be a number/],
    [{ lineID: 'L1' }, /^metadata: there is no field "lineID"; the nearest is "lineId"\.$/],
    [{ shift: 2 }, /^metadata: there is no field "shift"; known: captureId, lineId, stationId, /],
    ['[]', /^metadata: must be an object, not a list\.$/],
  ])('is of the wrong shape: %j', (metadata, detail) => refused(metadata, 'BAD_METADATA', detail));

  it('speaks of a modality the model does not know', () =>
    refused(
      { modalities: { sonar: { scale: 1 } } },
      'BAD_METADATA',
      /names "sonar"; the model knows: acoustic/,
    ));

  it('is 10 MB long', () =>
    refused(
      { lineId: 'x'.repeat(10 * 1024 * 1024) },
      'PART_TOO_LARGE',
      /over its limit of 65536 bytes/,
      413,
    ));

  it('names a recipe nobody wrote', () =>
    refused(
      { recipe: 'soup' },
      'UNKNOWN_RECIPE',
      /^There is no recipe "soup"; known: none; write it with PUT \/v1\/recipes\/\{id\}\.$/,
      422,
    ));
});

describe('the body', () => {
  it('is over the limit, in each of its forms', async () => {
    const tooLong = new Uint8Array(BODY_LIMIT_BYTES + 1);
    const expected = {
      status: 413,
      code: 'BODY_TOO_LARGE',
      detail: new RegExp(`over the limit of ${BODY_LIMIT_BYTES} bytes`),
    };
    await expectRefused(form({ rgb: tooLong }), expected);
    await expectRefused(tooLong, expected, { 'content-type': 'image/png' });
    const json = `{"modalities":{"rgb":"${'A'.repeat(BODY_LIMIT_BYTES)}"}}`;
    await expectRefused(json, expected, { 'content-type': 'application/json' });
  });

  it('is of no type we take', () =>
    expectRefused(
      '<capture/>',
      {
        status: 415,
        code: 'UNSUPPORTED_MEDIA_TYPE',
        detail: /^Send application\/json; a capture also as multipart\/form-data, or one part raw/,
      },
      { 'content-type': 'text/xml' },
    ));

  it('is plain text', () =>
    expectRefused(
      'rgb',
      { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', detail: /^Send application\/json; a capture also/ },
      { 'content-type': 'text/plain' },
    ));

  it('is broken JSON, or JSON that is no capture', async () => {
    const json = { 'content-type': 'application/json' };
    await expectRefused(
      '{"modalities":',
      { status: 400, code: 'BAD_REQUEST', detail: /not valid JSON/ },
      json,
    );
    await expectRefused(
      '{}',
      { status: 400, code: 'BAD_REQUEST', detail: /: modalities: is missing/, part: 'modalities' },
      json,
    );
    await expectRefused(
      '{"modalities":{"rgb":"*"}}',
      { status: 400, code: 'BAD_REQUEST', detail: /modalities\.rgb: must be base64/, part: 'rgb' },
      json,
    );
    await expectRefused(
      '{"metadata":{"lineId":7},"modalities":{}}',
      { status: 400, code: 'BAD_METADATA', detail: /^metadata\.lineId: /, part: 'metadata' },
      json,
    );
  });

  it('is raw and does not say which modality it is', () =>
    expectRefused(
      'raw',
      { status: 400, code: 'BAD_REQUEST', detail: /needs \?modality=/, part: 'modality' },
      { 'content-type': 'image/png' },
    ));

  it('asks for a deadline that is none', () =>
    expectRefused(
      form(good.parts),
      {
        status: 400,
        code: 'BAD_REQUEST',
        detail: /^x-deadline-ms: must be whole milliseconds, 1 to 600000\.$/,
        part: 'x-deadline-ms',
      },
      { 'x-deadline-ms': 'soon' },
    ));

  it('asks in its metadata for a deadline that is none', () =>
    expectRefused(form(good.parts, { deadlineMs: 0.5 }), {
      status: 400,
      code: 'BAD_METADATA',
      detail: /^metadata\.deadlineMs: /,
      part: 'metadata',
    }));
});

it('says what would be served where no branch serves a subset', async () => {
  const copy = await copyTinyBundle();
  const path = join(copy.bundleDir, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
  const kept = ['rgb', 'acoustic+depth+rgb'];
  manifest.branches = manifest.branches.filter(({ id }) => kept.includes(id));
  manifest.golden.expected = manifest.golden.expected.filter(({ branch }) => kept.includes(branch));
  await writeFile(path, JSON.stringify(manifest));
  const partial = await startService({ MODELS_DIR: copy.modelsDir });
  try {
    const { depth, acoustic, rgb } = good.parts;
    const answer = await refuse(partial.url, form({ depth, acoustic } as Parts));
    expect(answer).toMatchObject({
      status: 422,
      body: {
        code: 'NO_BRANCH',
        detail: 'No branch of the model serves acoustic + depth; it serves: rgb, acoustic+depth+rgb.',
      },
    });
    const { branch, modalities } = await inspect(partial.url, { depth, rgb } as Parts);
    expect([branch, modalities.unused]).toEqual(['rgb', ['depth']]);
    await expectNextAnswered(partial);
  } finally {
    await partial.close();
    await copy.remove();
  }
});
