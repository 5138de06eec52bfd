// What of an answer counts under a recipe's masks: the map where it may look, sound, and cameras of their own.
import { describe, expect, it } from '@jest/globals';
import type { ModalitySpec } from '../../src/bundle/manifest.js';
import { maskingOf } from '../../src/inspect/masking.js';
import type { Masks } from '../../src/recipes/masks.js';
import { branchOf } from '../support/tiny-bundle.js';

const camera = (name: string, registeredWith: string[] = []): ModalitySpec => ({
  name,
  registeredWith,
  kind: 'image',
  width: 2,
  height: 2,
  channels: 1,
  bits: 8,
});
const specs: ModalitySpec[] = [
  camera('rgb', ['depth']),
  camera('depth', ['rgb']),
  camera('side'),
  { name: 'sound', registeredWith: [], kind: 'audio', sampleRate: 1, seconds: 1 },
];
const map = (...values: number[]) => ({ height: 2, width: 2, values: Float32Array.from(values) });
const branch = { ...branchOf('depth+rgb+side+sound', null), frame: 'rgb' };
const answer = {
  score: Float32Array.of(0.9),
  map: map(0.875, 0.25, 0.25, 0.5),
  modalityScore: Float32Array.of(0.125, 0.25, 0.75, 0.375),
  modalityWeight: Float32Array.of(0.25, 0.25, 0.25, 0.25),
  modalityMaps: {
    depth: map(0, 0, 0, 0),
    rgb: map(0, 0, 0, 0),
    side: map(0.75, 0.5, 0.25, 0),
    sound: map(1, 1, 1, 1),
  },
  keptMaps: {},
  runMs: 1,
};
const left: Masks[string] = { size: [2, 2], ignore: [{ rect: [0, 0, 1, 2] }] };
const masking = (masks: Masks | undefined, of = branch) => maskingOf(masks, of, answer, specs);

describe('masking', () => {
  it('is none where the recipe has no mask, or none of what the branch looks at', () => {
    expect(masking(undefined)).toBeUndefined();
    expect(masking({})).toBeUndefined();
    expect(masking({ side: left }, { ...branchOf('depth+rgb', null), frame: 'rgb' })).toBeUndefined();
  });

  it('takes the places of the map, and beside them the scores of sound and of a camera of its own', () => {
    const found = masking({ depth: left });
    expect(Array.from(found?.masked.places ?? [])).toEqual([0, 1, 0, 1]);
    expect(found?.masked.beside).toEqual([0.75, 0.375]);
    expect(found?.frames).toEqual(['rgb']);
  });

  it('looks at the own map of a camera whose own picture is masked', () => {
    const found = masking({ side: left });
    expect(found?.masked).toEqual({ places: undefined, beside: [0.5, 0.375] });
    expect(found?.frames).toEqual(['side']);
  });

  it('refuses a mask that leaves nothing of this map: no score would be OK', () => {
    const all: Masks[string] = { size: [2, 2], ignore: [{ rect: [0, 0, 2, 2] }] };
    expect(() => masking({ rgb: all })).toThrow(expect.objectContaining({ code: 'BAD_RECIPE' }));
  });
});
