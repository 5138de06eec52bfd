// The captures a bundle comes with, for the stations to send: those that are whole.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestSchema } from '../../src/bundle/manifest.js';
import { decodePart } from '../../src/modality/decode.js';
import { readSampleCaptures } from '../sample-captures.js';
import type { FullCapture } from './parts.js';

/**
 * Without files that cannot be decoded: a part of which nothing else is left is refused, as it should be, and has no
 * place in the books. Throws an Error of one line where the bundle has no samples.
 */
export async function readSamples(bundle: string): Promise<FullCapture[]> {
  const captures = await readSampleCaptures(bundle);
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')));
  const full = await Promise.all(
    captures.map(async ({ files }) => {
      const kept = new Map<string, Uint8Array>();
      for (const spec of manifest.modalities) {
        const path = files.get(spec.name);
        if (path === undefined) continue;
        const bytes = await readFile(path);
        const decodes = await decodePart(bytes, spec, {}, () => () => {}).then(
          () => true,
          () => false,
        );
        if (decodes) kept.set(spec.name, bytes);
      }
      return kept;
    }),
  );
  return full.filter(({ size }) => size > 0);
}
