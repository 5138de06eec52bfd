// Which branch judges what is good, or whether nothing can be judged.
import { fullestBranch, selectBranch } from '../branch/select.js';
import type { BranchSpec } from '../bundle/manifest.js';
import { ServiceError } from '../errors.js';
import type { DecodedParts } from './decode-parts.js';

/**
 * The branch; undefined where the part is NOT_DECIDABLE: no good signal, or a required modality is not among them.
 * A branch that leaves a required modality out is never chosen. Throws ServiceError NO_BRANCH.
 */
export function chooseBranch(
  branches: readonly BranchSpec[],
  { good }: DecodedParts,
  required: readonly string[],
): BranchSpec | undefined {
  if (good.size === 0 || required.some((name) => !good.has(name))) return undefined;
  const eligible = branches.filter(({ modalities }) => required.every((name) => modalities.includes(name)));
  const branch = selectBranch(eligible, [...good.keys()]);
  if (branch !== undefined) return branch;
  throw new ServiceError('NO_BRANCH', {
    detail:
      `No branch of the model serves ${[...good.keys()].sort().join(' + ')}; ` +
      `it serves: ${eligible.map(({ id }) => id).join(', ') || 'nothing with all that the recipe requires'}.`,
  });
}

export function fullAuroc(branches: readonly BranchSpec[]): number | null {
  return fullestBranch(branches)?.metrics?.imageAuroc ?? null;
}
