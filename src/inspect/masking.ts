// Which parts of one answer count under the masks of a recipe.
import type { BranchSpec, ModalitySpec } from '../bundle/manifest.js';
import { ServiceError } from '../errors.js';
import { besideTheMap, hashOfMasks, type Masks, maskedFrames, maskOf } from '../recipes/masks.js';
import type { Masked } from '../verdict/judge.js';
import { keptPlaces, type Mask, peakWithin } from '../verdict/mask.js';
import type { BatchAnswer, BatchMap } from '../worker/protocol.js';

export interface Masking {
  readonly masked: Masked;
  /** As the inspection tells it. */
  readonly frames: readonly string[];
  readonly hash: string;
}

/** Drawn once for each recipe as it is read, and each size of map. */
const drawn = new WeakMap<Mask, Map<string, Uint8Array>>();
const hashes = new WeakMap<Masks, string>();

/** undefined where no mask of the recipe is of a picture that this branch looks at. Throws ServiceError BAD_RECIPE. */
export function maskingOf(
  masks: Masks | undefined,
  branch: BranchSpec,
  answer: BatchAnswer,
  specs: readonly ModalitySpec[],
): Masking | undefined {
  const frames = masks === undefined ? [] : maskedFrames(masks, branch, specs);
  if (masks === undefined || frames.length === 0) return undefined;
  const beside = besideTheMap(branch, specs).map((name) => {
    const mask = maskOf(masks, name, specs);
    const map = answer.modalityMaps[name];
    return mask === undefined || map === undefined
      ? (answer.modalityScore[branch.modalities.indexOf(name)] ?? Number.NaN)
      : peakWithin(map, placesOf(mask, map, name));
  });
  const mask = maskOf(masks, branch.frame, specs);
  const places = mask && placesOf(mask, answer.map, branch.frame);
  const hash = hashes.get(masks) ?? hashOfMasks(masks);
  hashes.set(masks, hash);
  return { masked: { places, beside }, frames, hash };
}

function placesOf(mask: Mask, { width, height }: BatchMap, modality: string): Uint8Array {
  const known = drawn.get(mask) ?? new Map<string, Uint8Array>();
  drawn.set(mask, known);
  const size = `${width}x${height}`;
  const places = known.get(size) ?? keptPlaces(mask, { width, height });
  known.set(size, places);
  // Written for a model that has been replaced: a score of nothing would be OK.
  if (!places.includes(1))
    throw new ServiceError('BAD_RECIPE', {
      detail: `The recipe's mask of "${modality}" keeps no place of the map of ${width} x ${height}.`,
      part: 'recipe',
    });
  return places;
}
