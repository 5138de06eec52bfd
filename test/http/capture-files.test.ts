// Pictures of captures over HTTP: kept by verdict, served as they were sent, and 404 in plain words where they are not.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import { inspect } from '../support/client.js';
import { untilFileKept } from '../support/kept-images.js';
import { type RunningService, startService } from '../support/service.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

let service: RunningService;
let capture: GoldenCapture;
beforeAll(async () => {
  service = await startService({ KEEP_CAPTURES: 'review', KEEP_ORIGINALS: 'true' });
  capture = await goldenCapture(0);
  const recipes = {
    flagging: { thresholds: { review: 0.001, reject: 0.99 } },
    passing: { thresholds: { review: 0.999, reject: 0.999 } },
    'all-thumbnails': {
      thresholds: { review: 0.999, reject: 0.999 },
      retention: { keepCaptures: 'all', keepOriginals: false },
    },
  };
  for (const [id, recipe] of Object.entries(recipes)) {
    const headers = { 'content-type': 'application/json' };
    const written = await fetch(`${service.url}/v1/recipes/${id}`, {
      method: 'PUT',
      headers,
      body: JSON.stringify(recipe),
    });
    expect(written.status).toBe(201);
  }
});
afterAll(() => service.close());

const fileOf = (inspectionId: string, modality: string) =>
  fetch(`${service.url}/v1/inspections/${inspectionId}/captures/${modality}`);
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('files of a capture', () => {
  it('come back as they were sent, named by what they are', async () => {
    const { inspectionId, verdict } = await inspect(service.url, capture.parts, { recipe: 'flagging' });
    expect(verdict).toBe('REVIEW');
    await untilFileKept(service.url, inspectionId, 'rgb');
    const types = { rgb: 'image/png', depth: 'application/x-npy', acoustic: 'audio/wav' };
    for (const [modality, type] of Object.entries(types)) {
      const response = await fileOf(inspectionId, modality);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
      expect((await bytesOf(response)).equals(capture.parts[modality] as Buffer)).toBe(true);
    }
  });

  it('are there of a part that was dropped, to look at the sensor', async () => {
    const parts = { rgb: capture.parts.rgb as Buffer, depth: Buffer.from('no picture at all') };
    const { inspectionId } = await inspect(service.url, parts, { recipe: 'flagging' });
    await untilFileKept(service.url, inspectionId, 'depth');
    const response = await fileOf(inspectionId, 'depth');
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect((await bytesOf(response)).toString()).toBe('no picture at all');
  });

  it('are not there of an OK part, and the answer says why', async () => {
    const passed = await inspect(service.url, { rgb: capture.parts.rgb as Buffer }, { recipe: 'passing' });
    expect(passed.verdict).toBe('OK');
    const flagged = await inspect(service.url, capture.parts, { recipe: 'flagging' });
    await untilFileKept(service.url, flagged.inspectionId, 'rgb'); // theirs would be there by now
    const refusal = async (id: string, modality: string) => {
      const response = await fileOf(id, modality);
      const { detail } = (await response.json()) as Problem;
      return `${response.status} ${detail}`;
    };
    expect(await refusal(passed.inspectionId, 'rgb')).toContain('404 The file of "rgb" of inspection');
    for (const word of ['KEEP_ORIGINALS', 'newer ones', 'RETAIN_OK_IMAGES_DAYS'])
      expect(await refusal(passed.inspectionId, 'rgb')).toContain(word);
    expect(await refusal(passed.inspectionId, 'depth')).toContain('came without "depth"; it came with: rgb.');
    expect(await refusal('nobody', 'rgb')).toMatch(/^404 .*nobody/);
  });

  it('follow the recipe rather than the service, and the heat map still lies over the picture', async () => {
    const { inspectionId, heatmap } = await inspect(service.url, capture.parts, { recipe: 'all-thumbnails' });
    const draw = async (query: string) => bytesOf(await fetch(`${service.url}${heatmap?.href}${query}`));
    const bare = await draw('');
    const giveUpAt = Date.now() + 5000;
    while ((await draw('?overlay=1')).equals(bare) && Date.now() < giveUpAt)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await draw('?overlay=1')).equals(bare)).toBe(false);
    expect((await fileOf(inspectionId, 'rgb')).status).toBe(404);
  });
});

describe('pictures of captures', () => {
  it.each([
    ['a full store', { RETAIN_MAX_BYTES: '1' }],
    ['a quota that is too small for one', { KEEP_CAPTURES_BYTES: '1' }],
  ])('are left out for %s, and the record is not', async (_what, env) => {
    const full = await startService({ KEEP_CAPTURES: 'all', ...env });
    try {
      const { inspectionId, stored } = await inspect(full.url, capture.parts);
      expect(stored).toBe(true);
      const leftOut = 'branchline_capture_images_total{outcome="no_room"} 1';
      const giveUpAt = Date.now() + 5000;
      let metrics = '';
      while (!metrics.includes(leftOut) && Date.now() < giveUpAt)
        metrics = await (await fetch(`${full.url}/metrics`)).text();
      expect(metrics).toContain(leftOut);
      expect((await fetch(`${full.url}/v1/inspections/${inspectionId}`)).status).toBe(200);
    } finally {
      await full.close();
    }
  });
});
