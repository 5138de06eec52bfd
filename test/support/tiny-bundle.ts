// The tiny bundle of the tests: where it lies, its golden inputs as files a station would send, copies to break.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { type Bundle, openBundle } from '../../src/bundle/bundle.js';
import type { BranchSpec } from '../../src/bundle/manifest.js';
import { type GoldenCapture, goldenCaptureOf } from './golden-capture.js';

export type { GoldenCapture };

/** The folder of models that holds tiny/1. */
export const fixturesDir = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));

export const openTinyBundle = (): Promise<Bundle> => openBundle(join(fixturesDir, 'tiny', '1'));

/** A copy under a folder of its own, as `<name>/<version>`, to be broken. */
export async function copyTinyBundle(): Promise<{
  modelsDir: string;
  bundleDir: string;
  remove(): Promise<void>;
}> {
  const modelsDir = await mkdtemp(join(tmpdir(), 'branchline-models-'));
  const bundleDir = join(modelsDir, 'tiny', '1');
  await cp(join(fixturesDir, 'tiny', '1'), bundleDir, { recursive: true });
  return { modelsDir, bundleDir, remove: () => rm(modelsDir, { recursive: true, force: true }) };
}

/** One golden sample of the tiny bundle as files, and what each branch must answer to it. */
export const goldenCapture = async (sample: number): Promise<GoldenCapture> =>
  goldenCaptureOf(await openTinyBundle(), sample);

/** 64 x 64 RGB pixels → PNG. */
export function rgbPng(pixels: Buffer): Promise<Buffer> {
  return sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } })
    .png()
    .toBuffer();
}

/** As the manifest would list it; `imageAuroc` null: nobody validated it. */
export function branchOf(id: string, imageAuroc: number | null): BranchSpec {
  const modalities = id.split('+');
  return {
    id,
    modalities,
    head: {
      file: `heads/${id}.onnx`,
      sha256: '0'.repeat(64),
      bytes: 1,
      inputs: [{ name: `${modalities[0]}.map`, dtype: 'float32', shape: ['N'] }],
      outputs: [{ name: 'score', dtype: 'float32', shape: ['N'] }],
    },
    frame: modalities[0] ?? '',
    calibration: {
      n: 10,
      method: 'z',
      targetFalseCallRate: 0.02,
      scoreHistogram: { upTo: [0.3, 1], counts: [5, 5] },
    },
    thresholds: { review: 0.5, reject: 0.7 },
    metrics: imageAuroc === null ? null : { imageAuroc, pixelAuroc: null, aupro: null, on: 'test' },
  };
}
