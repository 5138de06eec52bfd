import { describe, expect, it } from '@jest/globals';
import { fullestBranch, selectBranch } from '../../src/branch/select.js';
import { branchOf } from '../support/tiny-bundle.js';

const branches = [
  branchOf('rgb', 0.8),
  branchOf('depth', 0.9),
  branchOf('depth+rgb', 0.95),
  branchOf('acoustic+depth+rgb', 0.98),
];

describe('selectBranch', () => {
  it('takes the exact subset even where a smaller branch was validated better', () => {
    const misleading = [branchOf('depth+rgb', 0.6), branchOf('depth', 0.9), branchOf('rgb', 0.8)];
    expect(selectBranch(misleading, ['rgb', 'depth'])?.id).toBe('depth+rgb');
  });

  it('takes the best validated branch that needs nothing else where the exact one is not there', () => {
    expect(selectBranch(branches, ['rgb', 'acoustic', 'depth', 'thermal'])?.id).toBe('acoustic+depth+rgb');
    expect(selectBranch([branchOf('rgb', 0.8), branchOf('depth', 0.9)], ['rgb', 'depth'])?.id).toBe('depth');
  });

  it('breaks a tie by more modalities, then by id, whatever the order in the manifest', () => {
    const tied = [branchOf('rgb', 0.9), branchOf('depth+rgb', 0.9), branchOf('depth', 0.9)];
    expect(selectBranch(tied, ['rgb', 'depth', 'acoustic'])?.id).toBe('depth+rgb');
    const singles = [branchOf('rgb', 0.9), branchOf('depth', 0.9)];
    expect(selectBranch(singles, ['rgb', 'depth'])?.id).toBe('depth');
    expect(selectBranch(singles.reverse(), ['rgb', 'depth'])?.id).toBe('depth');
  });

  it('prefers any validated branch to one nobody validated', () => {
    expect(selectBranch([branchOf('rgb', null), branchOf('depth', 0.1)], ['rgb', 'depth'])?.id).toBe('depth');
  });

  it('finds nothing where every branch needs what is not there', () => {
    expect(selectBranch(branches, ['acoustic'])).toBeUndefined();
    expect(selectBranch(branches, [])).toBeUndefined();
  });

  it('never feeds a branch a modality that is not there', () => {
    for (const present of [['rgb'], ['depth'], ['rgb', 'acoustic'], ['depth', 'acoustic']]) {
      const chosen = selectBranch(branches, present);
      expect(present).toEqual(expect.arrayContaining(chosen?.modalities ?? ['none']));
    }
  });
});

it('the fullest branch is the one with most modalities, not the best one', () => {
  expect(fullestBranch([branchOf('rgb', 0.99), branchOf('depth+rgb', 0.9)])?.id).toBe('depth+rgb');
});
