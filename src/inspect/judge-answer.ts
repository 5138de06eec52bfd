// One capture in and out of the model's batches: tensors → a batch of one, its answer → a judgement.
import type { BranchSpec, ModalitySpec } from '../bundle/manifest.js';
import type { ModalityTensor } from '../modality/tensor.js';
import { type Judgement, judge } from '../verdict/judge.js';
import type { BatchAnswer, BatchInputs } from '../worker/protocol.js';
import type { Assignment } from './assign.js';
import { type Masking, maskingOf } from './masking.js';

export interface Judged {
  readonly branch: BranchSpec;
  /** Of a batch of one. */
  readonly answer: BatchAnswer;
  readonly judgement: Judgement;
  /** undefined: all of the answer counts. */
  readonly masking: Masking | undefined;
  readonly frame: ModalitySpec | undefined;
}

/** The branch's tensors under a batch axis, not copied. */
export function batchOfOne(branch: BranchSpec, good: ReadonlyMap<string, ModalityTensor>): BatchInputs {
  return Object.fromEntries(
    branch.modalities.flatMap((name) => {
      const tensor = good.get(name);
      return tensor === undefined ? [] : [[name, withBatchAxis(tensor)]];
    }),
  );
}

function withBatchAxis(tensor: ModalityTensor): BatchInputs[string] {
  return { ...tensor, shape: [1, ...tensor.shape] };
}

export function judgeAnswer(
  answer: BatchAnswer,
  branch: BranchSpec,
  { bundle, thresholds, thresholdsByBranch, masks }: Assignment,
): Judged {
  const { modalities } = bundle.manifest;
  const masking = maskingOf(masks, branch, answer, modalities);
  const frame = modalities.find(({ name }) => name === branch.frame);
  const judgement = judge(
    answer.score[0] ?? Number.NaN,
    answer.map,
    thresholdsByBranch[branch.id] ?? thresholds ?? branch.thresholds,
    frame === undefined || frame.kind === 'audio' ? undefined : frame,
    masking?.masked,
  );
  return { branch, answer, judgement, masking, frame };
}
