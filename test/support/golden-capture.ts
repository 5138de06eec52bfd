// A bundle's golden inputs as the files a station would send, with what each branch must answer.
import sharp from 'sharp';
import type { Bundle } from '../../src/bundle/bundle.js';
import { readGolden } from '../../src/bundle/golden.js';
import type { ModalitySpec } from '../../src/bundle/manifest.js';
import { npyFile, wavFile } from './files.js';

export interface GoldenCapture {
  /** By modality: a picture as PNG, a range map as float NPY in its unit, sound as float WAV. */
  readonly parts: Readonly<Record<string, Buffer>>;
  /** By branch id. */
  readonly scores: ReadonlyMap<string, number>;
}

export async function goldenCaptureOf(bundle: Bundle, sample: number): Promise<GoldenCapture> {
  const golden = await readGolden(bundle);
  const parts: Record<string, Buffer> = {};
  for (const spec of bundle.manifest.modalities) {
    const input = golden.inputs[spec.name];
    if (input === undefined) throw new Error(`${bundle.key} has no golden ${spec.name}`);
    const size = input.data.length / (input.shape[0] ?? 1);
    parts[spec.name] = await fileOf(spec, input.data.slice(sample * size, (sample + 1) * size));
  }
  const scores = golden.expected.map(({ branch, score }) => [branch, score[sample] ?? Number.NaN] as const);
  return { parts, scores: new Map(scores) };
}

/** None of these formats loses anything. */
async function fileOf(spec: ModalitySpec, values: Uint8Array | Float32Array): Promise<Buffer> {
  switch (spec.kind) {
    case 'image': {
      const { width, height, channels } = spec;
      return sharp(values as Uint8Array, { raw: { width, height, channels } })
        .png()
        .toBuffer();
    }
    case 'range':
      return npyFile('<f4', [spec.height, spec.width], values as Float32Array);
    case 'audio':
      return wavFile(values as Float32Array);
  }
}
