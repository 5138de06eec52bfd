// Which branch serves the modalities that are there.
import type { BranchSpec } from '../bundle/manifest.js';

/**
 * The branch for exactly `present`; otherwise, of the branches that need nothing else, the one validated best
 * (ties: more modalities, then the id, so that the choice never depends on the manifest's order).
 * undefined where no branch can be fed.
 */
export function selectBranch(
  branches: readonly BranchSpec[],
  present: readonly string[],
): BranchSpec | undefined {
  const there = new Set(present);
  const servable = branches.filter((branch) => branch.modalities.every((name) => there.has(name)));
  const exact = servable.find((branch) => branch.modalities.length === there.size);
  return exact ?? servable.sort(byMerit)[0];
}

/** The branch trained on most modalities: what every other one is measured against. */
export function fullestBranch(branches: readonly BranchSpec[]): BranchSpec | undefined {
  return [...branches].sort((a, b) => b.modalities.length - a.modalities.length || byMerit(a, b))[0];
}

function byMerit(a: BranchSpec, b: BranchSpec): number {
  const aurocGain = validatedAuroc(b) - validatedAuroc(a);
  const modalityGain = b.modalities.length - a.modalities.length;
  return aurocGain || modalityGain || (a.id < b.id ? -1 : 1);
}

/** A branch nobody validated loses against every one somebody did. */
function validatedAuroc(branch: BranchSpec): number {
  return branch.metrics?.imageAuroc ?? -1;
}
