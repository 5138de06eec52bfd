import { describe, expect, it } from '@jest/globals';
import { chooseBranch } from '../../src/inspect/choose.js';
import type { ModalityTensor } from '../../src/modality/tensor.js';
import { branchOf } from '../support/tiny-bundle.js';

const tensor: ModalityTensor = { dtype: 'uint8', shape: [1], data: Uint8Array.of(1) };
const decoded = (...good: string[]) => ({
  good: new Map(good.map((name) => [name, tensor])),
  dropped: [],
  missing: [],
});
const branches = [branchOf('rgb', 0.9), branchOf('depth', 0.7), branchOf('acoustic+depth+rgb', 0.98)];

describe('chooseBranch', () => {
  it('chooses none where nothing is good, or a required modality is not', () => {
    expect(chooseBranch(branches, decoded(), [])).toBeUndefined();
    expect(chooseBranch(branches, decoded('rgb'), ['depth'])).toBeUndefined();
  });

  it('never leaves a required modality out, even for a better branch', () => {
    expect(chooseBranch(branches, decoded('rgb', 'depth'), [])?.id).toBe('rgb');
    expect(chooseBranch(branches, decoded('rgb', 'depth'), ['depth'])?.id).toBe('depth');
  });

  it('names what would be served', () => {
    expect(() => chooseBranch(branches, decoded('acoustic'), [])).toThrow(
      expect.objectContaining({
        code: 'NO_BRANCH',
        message: 'No branch of the model serves acoustic; it serves: rgb, depth, acoustic+depth+rgb.',
      }),
    );
  });
});
