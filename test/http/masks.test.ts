// A recipe's masks over real HTTP: what they do to score, verdict and regions, and that the answer says so.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { inspect } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';
import { rgbPng } from '../support/tiny-bundle.js';

let service: RunningService;
let spotted: Buffer;
beforeAll(async () => {
  service = await startService();
  // Dim, with a bright spot: the tiny bundle scores brightness.
  const pixels = Buffer.alloc(64 * 64 * 3);
  for (let i = 0; i < 64 * 64; i++) {
    const [x, y] = [i % 64, Math.floor(i / 64)];
    const bright = x >= 40 && x < 56 && y >= 8 && y < 24;
    pixels.fill(bright ? 250 : 20 + ((x * 7 + y * 3) % 30), 3 * i, 3 * i + 3);
  }
  spotted = await rgbPng(pixels);
});
afterAll(() => service.close());

async function judgedBy(recipe: string, masks?: object): Promise<Inspection> {
  const thresholds = { review: 0.5, reject: 0.7 };
  const written = await fetch(`${service.url}/v1/recipes/${recipe}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ thresholds, ...(masks && { masks }) }),
  });
  expect(written.status).toBe(201);
  return inspect(service.url, { rgb: spotted }, { recipe });
}

const spot = [38, 6, 20, 20] as const;
const peakOf = async ({ heatmap }: Inspection, keep: (x: number, y: number) => boolean) => {
  const npy = Buffer.from(await (await fetch(`${service.url}${heatmap?.href}?format=npy`)).arrayBuffer());
  const values = Array.from({ length: 64 * 64 }, (_, i) => npy.readFloatLE(npy.length - 4 * (64 * 64 - i)));
  return Math.max(...values.filter((_, i) => keep(i % 64, Math.floor(i / 64))));
};
const inSpot = (x: number, y: number) => x >= 38 && x < 58 && y >= 6 && y < 26;

it('ignores a place: neither score nor regions come from it, and the answer says what was masked', async () => {
  const plain = await judgedBy('plain');
  expect(plain.mask).toBeNull();
  expect(plain.regions.length).toBeGreaterThan(0);
  const masked = await judgedBy('masked', { rgb: { size: [64, 64], ignore: [{ rect: spot }] } });
  const { mask, regions, score } = masked;
  expect(mask).toEqual({
    frames: ['rgb'],
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    unmaskedScore: plain.score,
  });
  expect(regions).toEqual([]);
  // Stored in 16 bits.
  expect(score).toBeCloseTo(await peakOf(masked, (x, y) => !inSpot(x, y)), 4);
  expect(masked.verdict).toBe('OK');
  expect(await (await fetch(`${service.url}/v1/inspections/${masked.inspectionId}`)).json()).toEqual(masked);
});

it('looks only into a region of interest, drawn in the pixels of the camera', async () => {
  const roi = [
    {
      polygon: [
        [380, 60],
        [580, 60],
        [580, 260],
        [380, 260],
      ],
    },
  ];
  const looked = await judgedBy('roi', { rgb: { size: [640, 640], roi } });
  expect(looked.score).toBeCloseTo(await peakOf(looked, inSpot), 4);
  expect(looked.verdict).toBe('NG');
  expect(looked.regions).not.toEqual([]);
});
