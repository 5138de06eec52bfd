// The plan of an evaluation: which modalities of which capture are sent, here and to the trainer alike.
import type { LabelledCapture } from './labelled-folder.js';
import { loseModalities, type Protocol } from './missing.js';
import { seededRandom } from './random.js';

export interface PlannedCapture extends LabelledCapture {
  /** What is left of the capture's modalities. */
  readonly modalities: readonly string[];
}

export interface Loss {
  readonly protocol: Protocol;
  /** 0…1. */
  readonly rate: number;
  readonly seed: number;
}

export function planCaptures(captures: readonly LabelledCapture[], loss: Loss): PlannedCapture[] {
  const random = seededRandom(loss.seed);
  return captures.map((capture) => ({
    ...capture,
    modalities: loseModalities([...capture.files.keys()], loss.protocol, loss.rate, random),
  }));
}

/** As `branchline-train evaluate --captures` reads it. */
export function planJson(plan: readonly PlannedCapture[]): string {
  return JSON.stringify({ captures: plan.map(({ label, id, modalities }) => ({ label, id, modalities })) });
}
