// The bundled model over HTTP: each of its fifteen branches, against its golden vectors.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readSampleCaptures } from '../../bench/sample-captures.js';
import { openBundle } from '../../src/bundle/bundle.js';
import { branchId } from '../../src/bundle/manifest.js';
import { inspect, type Parts } from '../support/client.js';
import { type GoldenCapture, goldenCaptureOf } from '../support/golden-capture.js';
import { type RunningService, startService } from '../support/service.js';

const MODALITIES = ['acoustic', 'depth', 'rgb', 'thermal'];
const modelsDir = fileURLToPath(new URL('../../../models/', import.meta.url));
const bundleDir = join(modelsDir, 'demo-part', '3');

/** Every non-empty subset, by the bits of 1 to 15. */
const SUBSETS = Array.from({ length: 2 ** MODALITIES.length - 1 }, (_, i) =>
  MODALITIES.filter((_name, bit) => ((i + 1) >> bit) & 1),
);

let service: RunningService;
let golden: GoldenCapture[];

beforeAll(async () => {
  service = await startService({ MODELS_DIR: modelsDir, MODELS: 'demo-part' });
  const bundle = await openBundle(bundleDir);
  golden = await Promise.all([0, 1, 2].map((sample) => goldenCaptureOf(bundle, sample)));
}, 60_000);
afterAll(() => service?.close());

const only = (parts: Parts, subset: readonly string[]): Parts =>
  Object.fromEntries(Object.entries(parts).filter(([name]) => subset.includes(name)));

describe.each(SUBSETS.map((subset) => [branchId(subset), subset] as const))('branch %s', (id, subset) => {
  it('answers what the trained model answers, to 1e-4', async () => {
    for (const { parts, scores } of golden) {
      const answer = await inspect(service.url, only(parts, subset));
      expect(answer.branch).toBe(id);
      expect(answer.modalities.used).toEqual(subset);
      expect(answer.modalities.missing).toEqual(MODALITIES.filter((name) => !subset.includes(name)));
      expect(Math.abs((answer.score ?? Number.NaN) - (scores.get(id) ?? Number.NaN))).toBeLessThanOrEqual(
        1e-4,
      );
    }
  });
});

it('says what the branch was validated at, and what all sensors would have given', async () => {
  const capture = golden[0] as GoldenCapture;
  const alone = await inspect(service.url, only(capture.parts, ['rgb']));
  const all = await inspect(service.url, capture.parts);
  expect(alone.validated.fullAuroc).toBe(all.validated.branchAuroc);
  expect(alone.validated.branchAuroc).toBeLessThan(all.validated.branchAuroc ?? 0);
});

it('judges the bundled captures by what is left of them', async () => {
  const answers = new Map<string, Awaited<ReturnType<typeof inspect>>>();
  for (const { id, files } of await readSampleCaptures(bundleDir)) {
    const parts: Record<string, Uint8Array> = {};
    for (const [modality, file] of files) parts[modality] = await readFile(file);
    answers.set(id, await inspect(service.url, parts, { captureId: id }));
  }
  expect(answers.size).toBe(12);
  const cut = answers.get('crack-2');
  expect(cut?.branch).toBe('thermal');
  expect(cut?.modalities.dropped).toMatchObject([{ name: 'rgb', reason: 'corrupt' }]);
  const covered = answers.get('dent-2');
  expect(covered?.branch).toBe('acoustic+depth');
  expect(covered?.modalities.dropped).toMatchObject([{ name: 'rgb', reason: 'blank' }]);
  expect(answers.get('good-1')?.verdict).toBe('OK');
  expect(answers.get('good-2')?.verdict).toBe('OK');
});
