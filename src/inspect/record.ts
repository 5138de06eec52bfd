// Writes down what the line found: the inspection as it is answered and stored.
import type { BranchSpec } from '../bundle/manifest.js';
import type { CaptureMetadata, Inspection } from '../inspection.js';
import type { Judgement } from '../verdict/judge.js';
import type { Assignment } from './assign.js';
import { fullAuroc } from './choose.js';
import type { DecodedParts } from './decode-parts.js';
import type { Judged } from './judge-answer.js';
import type { Masking } from './masking.js';

export interface Findings {
  readonly inspectionId: string;
  readonly revision: number;
  readonly previous: Inspection['previous'];
  readonly metadata: CaptureMetadata;
  readonly assignment: Assignment;
  readonly decoded: DecodedParts;
  /** undefined: NOT_DECIDABLE. */
  readonly judged: Judged | undefined;
  readonly timings: Inspection['timings'];
  readonly receivedAt: Date;
  readonly completedAt: Date;
}

export function record(findings: Findings): Inspection {
  const { inspectionId, metadata, assignment, decoded, judged } = findings;
  const { manifest, sha256 } = assignment.bundle;
  return {
    inspectionId,
    revision: findings.revision,
    previous: findings.previous,
    captureId: metadata.captureId ?? inspectionId,
    lineId: metadata.lineId ?? null,
    stationId: metadata.stationId ?? null,
    partId: metadata.partId ?? null,
    productId: metadata.productId ?? null,
    recipe: metadata.recipe ?? null,
    recipeRevision: assignment.recipe,
    capturedAt: metadata.capturedAt ?? null,
    attributes: metadata.attributes ?? {},
    state: 'COMPLETED',
    model: { name: manifest.name, version: manifest.version, sha256 },
    modalities: modalitiesOf(decoded, judged?.branch),
    ...(judged === undefined ? UNDECIDED : outcome(inspectionId, judged)),
    validated: {
      branchAuroc: judged?.branch.metrics?.imageAuroc ?? null,
      fullAuroc: fullAuroc(manifest.branches),
    },
    timings: findings.timings,
    receivedAt: findings.receivedAt.toISOString(),
    completedAt: findings.completedAt.toISOString(),
    reviews: [],
    stored: true,
  };
}

type Outcome = Pick<
  Inspection,
  'verdict' | 'score' | 'thresholds' | 'mask' | 'branch' | 'evidence' | 'regions' | 'heatmap'
>;

const UNDECIDED: Outcome = {
  verdict: 'NOT_DECIDABLE',
  score: null,
  thresholds: null,
  mask: null,
  branch: null,
  evidence: {},
  regions: [],
  heatmap: null,
};

function outcome(inspectionId: string, { branch, answer, judgement, masking }: Judged): Outcome {
  return {
    verdict: judgement.verdict,
    score: judgement.score,
    thresholds: judgement.thresholds,
    mask: masking === undefined ? null : maskOf(masking, judgement),
    branch: branch.id,
    evidence: Object.fromEntries(
      branch.modalities.map((name, column) => [
        name,
        { score: answer.modalityScore[column] ?? 0, weight: answer.modalityWeight[column] ?? 0 },
      ]),
    ),
    regions: judgement.regions,
    heatmap: {
      href: `/v1/inspections/${inspectionId}/heatmap`,
      frame: branch.frame,
      scale: { min: 0, max: 1, threshold: judgement.thresholds.review },
    },
  };
}

function maskOf({ frames, hash }: Masking, { unmaskedScore }: Judgement): Inspection['mask'] {
  return { frames: [...frames], hash, unmaskedScore };
}

function modalitiesOf(decoded: DecodedParts, branch: BranchSpec | undefined): Inspection['modalities'] {
  const used = branch?.modalities ?? [];
  return {
    used,
    missing: [...decoded.missing],
    dropped: [...decoded.dropped],
    unused: [...decoded.good.keys()].filter((name) => !used.includes(name)),
  };
}
