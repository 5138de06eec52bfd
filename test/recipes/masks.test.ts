// Which masks a recipe may have, and for which branches they hold.
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Bundle } from '../../src/bundle/bundle.js';
import type { ModalitySpec } from '../../src/bundle/manifest.js';
import { hashOfMasks, maskedFrames, maskFault, maskOf, masksSchema } from '../../src/recipes/masks.js';
import { branchOf, openTinyBundle } from '../support/tiny-bundle.js';

let bundle: Bundle;
beforeAll(async () => {
  bundle = await openTinyBundle();
});

const size = [64, 64] as const;
const rect = (...corners: [number, number, number, number]) => ({ rect: corners });
const fault = (masks: object) => maskFault(masksSchema.parse(masks), bundle);

describe('masks that fit no model', () => {
  it.each<[string, object, RegExp]>([
    [
      'an unknown frame',
      { sonar: { size } },
      /masks "sonar", which tiny@1 does not know; it knows: acoustic/,
    ],
    ['sound', { acoustic: { size } }, /masks "acoustic", which is sound/],
    [
      'the same pixels twice',
      { rgb: { size }, depth: { size } },
      /masks both "(rgb|depth)" and "(rgb|depth)"/,
    ],
    ['another aspect', { rgb: { size: [128, 64] } }, /drawn in 128 x 64 pixels; it takes 64 x 64/],
    ['all ignored', { rgb: { size, ignore: [rect(0, 0, 64, 64)] } }, /"rgb" that keeps no place of the map/],
    [
      'a region of interest that is all ignored',
      { rgb: { size, roi: [rect(0, 0, 9, 9)], ignore: [rect(0, 0, 20, 20)] } },
      /keeps no place/,
    ],
    [
      'a shape too small',
      { rgb: { size, ignore: [rect(1, 1, 9, 9), rect(3.1, 3.1, 0.2, 0.2)] } },
      /ignore\[1\]/,
    ],
  ])('%s', (_what, masks, expected) => {
    expect(fault(masks)).toMatch(expected);
  });

  it('any size of the same aspect fits, and none at all', () => {
    expect(fault({ rgb: { size: [2448, 2448], ignore: [rect(0, 0, 500, 500)] } })).toBeUndefined();
    expect(fault({})).toBeUndefined();
  });
});

describe('a mask', () => {
  const masks = masksSchema.parse({ rgb: { size, ignore: [rect(0, 0, 9, 9)] } });

  it('holds for the pictures that share its pixels, and not for others or for sound', () => {
    const specs = bundle.manifest.modalities;
    expect(maskOf(masks, 'depth', specs)).toBe(masks.rgb);
    const held = bundle.manifest.branches.map((branch) => [branch.id, maskedFrames(masks, branch, specs)]);
    expect(Object.fromEntries(held)).toEqual({
      acoustic: [],
      depth: ['depth'],
      rgb: ['rgb'],
      'acoustic+depth': ['depth'],
      'acoustic+rgb': ['rgb'],
      'depth+rgb': ['rgb'],
      'acoustic+depth+rgb': ['rgb'],
    });
  });

  it('holds for a camera of its own beside the map of another', () => {
    const alone = (name: string): ModalitySpec => ({
      name,
      registeredWith: [],
      kind: 'image',
      width: 64,
      height: 64,
      channels: 3,
      bits: 8,
    });
    const specs = [alone('rgb'), alone('side')];
    expect(
      maskedFrames({ side: { size: [64, 64] } }, { ...branchOf('rgb+side', null), frame: 'rgb' }, specs),
    ).toEqual(['side']);
  });

  it('is named by what it says', () => {
    const same = masksSchema.parse({ rgb: { ignore: [rect(0, 0, 9, 9)], size } });
    expect(hashOfMasks(same)).toBe(hashOfMasks(masks));
    expect(hashOfMasks({ rgb: { size: [64, 64] } })).not.toBe(hashOfMasks(masks));
  });
});
