// The captures of a soak: mixtures of a bundle's golden inputs, each with the score it must get.
import { join } from 'node:path';
import { openBundle } from '../../src/bundle/bundle.js';
import { captureForm, type Parts } from '../support/client.js';
import { goldenCaptureOf } from '../support/golden-capture.js';
import type { Expected } from './ledger.js';

export interface Mixture {
  /** "depth 0, rgb 2": which golden sample of which modality. */
  readonly name: string;
  readonly branch: string;
  readonly parts: Parts;
  /** What the bundle's manifest says; undefined where the samples are of different captures. */
  readonly goldenScore: number | undefined;
}

export interface KnownCapture extends Expected {
  readonly parts: Parts;
}

/** Scores nearer than this cannot be told apart by an answer. */
export const TELLS_APART = 1e-4;
/** As the service's own self-test has it. */
const GOLDEN_TOLERANCE = 1e-3;

/** Every subset of the modalities, with every golden sample of each: what one score cannot be mistaken for. */
export async function readMixtures(modelsDir: string, model: string): Promise<Mixture[]> {
  const bundle = await openBundle(join(modelsDir, ...model.split('@')));
  const sampleCount = bundle.manifest.golden.expected[0]?.score.length ?? 0;
  const samples = await Promise.all(
    Array.from({ length: sampleCount }, (_, sample) => goldenCaptureOf(bundle, sample)),
  );
  return bundle.manifest.branches.flatMap(({ id, modalities }) =>
    choices(modalities.length, sampleCount).map((choice) => {
      const same = choice.every((sample) => sample === choice[0]);
      return {
        name: modalities.map((modality, i) => `${modality} ${choice[i]}`).join(', '),
        branch: id,
        parts: Object.fromEntries(
          modalities.map((modality, i) => [modality, partOf(samples[choice[i] ?? 0]?.parts, modality)]),
        ),
        goldenScore: same ? samples[choice[0] ?? 0]?.scores.get(id) : undefined,
      };
    }),
  );
}

/**
 * Asks for every score once, one capture at a time. Throws an Error where the service does not judge a golden
 * capture as its manifest says. Of captures that score the same on one branch the first stays.
 */
export async function judgeAlone(
  url: string,
  mixtures: readonly Mixture[],
  signal: AbortSignal,
): Promise<KnownCapture[]> {
  const known: KnownCapture[] = [];
  for (const { name, branch, parts, goldenScore } of mixtures) {
    const response = await fetch(`${url}/v1/inspections`, {
      method: 'POST',
      body: captureForm(parts),
      signal,
    });
    const answer = (await response.json()) as { score?: number; branch?: string; detail?: string };
    if (!response.ok || answer.branch !== branch || typeof answer.score !== 'number')
      throw new Error(`${name}, judged alone: ${response.status} ${answer.detail ?? answer.branch}`);
    const { score } = answer;
    if (goldenScore !== undefined && !(Math.abs(score - goldenScore) <= GOLDEN_TOLERANCE))
      throw new Error(
        `${name}, judged alone: score ${score}, but the bundle's golden answer is ${goldenScore}`,
      );
    const twin = known.some(
      (other) => other.branch === branch && Math.abs(other.score - score) < 2 * TELLS_APART,
    );
    if (!twin) known.push({ name, branch, score, parts });
  }
  return known;
}

/** All ways to choose one of `count` for each of `places`. */
function choices(places: number, count: number): number[][] {
  if (places === 0) return [[]];
  return choices(places - 1, count).flatMap((rest) =>
    Array.from({ length: count }, (_, sample) => [...rest, sample]),
  );
}

function partOf(parts: Parts | undefined, modality: string): Uint8Array {
  const bytes = parts?.[modality];
  if (bytes === undefined) throw new Error(`the bundle has no golden "${modality}"`);
  return bytes;
}
