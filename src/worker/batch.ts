// Several calls of one model as one batch: which samples each encoder and each head gets (pure).
import type { BatchTensor, BranchCall } from './protocol.js';

export interface EncoderBatch {
  readonly modality: string;
  readonly samples: number;
  /** The samples of all calls that carry the modality. */
  readonly input: BatchTensor;
  /** Where each call's samples begin. */
  readonly firstRow: ReadonlyMap<BranchCall, number>;
}

export interface HeadBatch {
  readonly branch: string;
  readonly samples: number;
  /** Their samples follow on each other in every encoder's batch, in this order. */
  readonly calls: readonly BranchCall[];
}

/** As the sessions run it. */
export interface AssembledBatch {
  readonly encoders: readonly EncoderBatch[];
  readonly heads: readonly HeadBatch[];
}

/**
 * Calls of different branches on the very same tensor, as the self-test makes them, share its rows: then each encoder
 * runs once for all of them. `modalitiesOf` a branch id; it may throw. Throws where a call lacks a modality of its
 * branch.
 */
export function assemble(
  calls: readonly BranchCall[],
  modalitiesOf: (branch: string) => readonly string[],
): AssembledBatch {
  // Side by side by branch: what a head takes of an encoder's output is then one piece, without a copy.
  const byBranch = new Map<string, BranchCall[]>();
  for (const call of calls) byBranch.set(call.branch, [...(byBranch.get(call.branch) ?? []), call]);
  const heads = [...byBranch].map(([branch, its]) => ({ branch, calls: its, samples: total(its) }));
  const ofModality = new Map<string, BranchCall[]>();
  for (const { branch, calls: its } of heads)
    for (const modality of modalitiesOf(branch))
      ofModality.set(modality, [...(ofModality.get(modality) ?? []), ...its]);
  // Of one branch they must follow on each other, shared or not.
  const mayShare = heads.every(({ calls: its }) => its.length === 1);
  const encoders = [...ofModality].map(([modality, its]) => encoderBatch(modality, its, mayShare));
  return { encoders, heads };
}

/** N of one call. */
export function samplesOf({ inputs }: BranchCall): number {
  return Object.values(inputs)[0]?.shape[0] ?? 0;
}

function total(calls: readonly BranchCall[]): number {
  return calls.reduce((sum, call) => sum + samplesOf(call), 0);
}

function encoderBatch(modality: string, calls: readonly BranchCall[], mayShare: boolean): EncoderBatch {
  const firstRow = new Map<BranchCall, number>();
  const rowOf = new Map<BatchTensor, number>();
  const tensors: BatchTensor[] = [];
  let samples = 0;
  for (const call of calls) {
    const tensor = call.inputs[modality];
    if (tensor === undefined) throw new Error(`there is nothing to feed encoder "${modality}" with`);
    const shared = mayShare ? rowOf.get(tensor) : undefined;
    firstRow.set(call, shared ?? samples);
    if (shared !== undefined) continue;
    rowOf.set(tensor, samples);
    tensors.push(tensor);
    samples += samplesOf(call);
  }
  return { modality, samples, firstRow, input: joined(tensors) };
}

/** One after the other along axis 0; a single tensor stays as it is. */
function joined(tensors: readonly BatchTensor[]): BatchTensor {
  const [first, ...others] = tensors as [BatchTensor, ...BatchTensor[]];
  if (others.length === 0) return first;
  const samples = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const length = tensors.reduce((sum, { data }) => sum + data.length, 0);
  const data = first.dtype === 'uint8' ? new Uint8Array(length) : new Float32Array(length);
  let at = 0;
  for (const tensor of tensors) {
    data.set(tensor.data, at);
    at += tensor.data.length;
  }
  return { ...first, shape: [samples, ...first.shape.slice(1)], data } as BatchTensor;
}
