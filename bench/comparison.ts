// Holds what came over the wire against what the trainer says of the same captures.
import { auroc } from './auroc.js';
import type { JudgedCapture } from './judge.js';
import { captureKey } from './labelled-folder.js';
import type { TrainerEvaluation } from './trainer.js';

/** The two sides must agree to this. */
export const ALLOWED_DIFFERENCE = 0.001;

export interface Comparison {
  /** The trainer's own figure, over all captures of the plan. */
  readonly trainerAuroc: number | null;
  /** Service minus trainer; null where one of them has no figure. */
  readonly difference: number | null;
  readonly agrees: boolean;
  /** Of the captures both sides scored. */
  readonly largest: { readonly capture: string; readonly difference: number } | null;
  /** Captures only the trainer scored: refused, or dropped by the service's quality gate. */
  readonly onlyTrainer: readonly string[];
  /** Captures that the two sides judged by different branches. */
  readonly otherBranch: readonly string[];
}

export function compare(judged: readonly JudgedCapture[], trainer: TrainerEvaluation): Comparison {
  const ours = new Map(judged.flatMap((capture) => scoredHere(capture)));
  const both = trainer.scores.flatMap((theirs) => {
    const found = ours.get(captureKey(theirs));
    return found === undefined ? [] : [{ ...found, theirs, capture: captureKey(theirs) }];
  });
  const differences = both
    .map(({ capture, score, theirs }) => ({ capture, difference: Math.abs(score - theirs.score) }))
    .sort((a, b) => b.difference - a.difference);
  const serviceAuroc = auroc([...ours.values()]);
  const difference =
    serviceAuroc === null || trainer.imageAuroc === null ? null : serviceAuroc - trainer.imageAuroc;
  return {
    trainerAuroc: trainer.imageAuroc,
    difference,
    agrees:
      difference === null ? serviceAuroc === trainer.imageAuroc : Math.abs(difference) <= ALLOWED_DIFFERENCE,
    largest: differences[0] ?? null,
    onlyTrainer: trainer.scores.map(captureKey).filter((key) => !ours.has(key)),
    otherBranch: both.filter(({ branch, theirs }) => branch !== theirs.branch).map(({ capture }) => capture),
  };
}

type ScoredHere = { readonly score: number; readonly defective: boolean; readonly branch: string | null };

function scoredHere(capture: JudgedCapture): [string, ScoredHere][] {
  const { inspection, defective } = capture;
  if (inspection?.score == null) return [];
  return [[captureKey(capture), { score: inspection.score, defective, branch: inspection.branch }]];
}
