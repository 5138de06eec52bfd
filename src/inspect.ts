// THE LINE: one capture, from its bytes to its stored verdict.
import type { ModelRegistry } from './bundle/registry.js';
import { assign } from './inspect/assign.js';
import { chooseBranch } from './inspect/choose.js';
import { type Decoder, decodeParts, type ReservePixels } from './inspect/decode-parts.js';
import { newInspectionId } from './inspect/inspection-id.js';
import { batchOfOne, judgeAnswer } from './inspect/judge-answer.js';
import type { Keeper } from './inspect/keep.js';
import { record } from './inspect/record.js';
import { type OnStage, summed } from './inspect/stages.js';
import type { CaptureMetadata, Inspection } from './inspection.js';
import type { Recipes } from './recipes/recipes.js';
import type { Arrival } from './schedule/arrivals.js';
import type { Scheduler } from './schedule/scheduler.js';

export interface Capture {
  /** By modality. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly metadata: CaptureMetadata;
  /** "name" or "name@version"; undefined: the recipe's, or the default. */
  readonly model: string | undefined;
  readonly receivedAt: Date;
  /** On the monotonic clock of `nowMs`, as the deadline. */
  readonly receivedMs: number;
  readonly deadlineMs: number;
  /** Aborts when the client is gone or the deadline has passed. */
  readonly signal: AbortSignal;
  readonly reservePixels: ReservePixels;
  /** Of a client that waits: its place until the capture is queued. */
  readonly arrival?: Arrival | undefined;
  /** Fixed before by whoever may have to run the capture again; absent: a new one. */
  readonly inspectionId?: string;
  readonly revision?: number;
  /** Of a revision: what it answers anew. */
  readonly previous?: Inspection['previous'];
  /** Settles, and never rejects, when the record may be kept: the inspectionId is then on disk. */
  readonly claimed?: Promise<void>;
}

export interface InspectionRooms {
  readonly models: ModelRegistry;
  readonly recipes: Recipes;
  readonly decoder: Decoder;
  readonly scheduler: Pick<Scheduler, 'submit'>;
  readonly keeper: Keeper;
  readonly nowMs: () => number;
  /** Every answer, also of a part that was not decidable. */
  readonly onInspected: (inspection: Inspection) => void;
  readonly onStage: OnStage;
}

export type Inspect = (capture: Capture) => Promise<Inspection>;

/** NOT_DECIDABLE where no good signal arrived. Throws ServiceError where the capture is at fault, or overload is. */
export function createInspect(rooms: InspectionRooms): Inspect {
  const { models, recipes, decoder, scheduler, keeper, nowMs, onInspected, onStage } = rooms;
  return async (capture) => {
    const { parts, metadata, model, receivedAt, receivedMs, deadlineMs, signal, reservePixels } = capture;
    const { inspectionId = newInspectionId(receivedAt.getTime()), revision = 1, previous = null } = capture;
    const { arrival } = capture;
    const assignment = assign(metadata, model, models, recipes);
    const { bundle, required } = assignment;
    const { modalities, branches } = bundle.manifest;

    // Each part passes the gate as soon as it is decoded, while others still are: told apart by its own time.
    const gate = summed(decoder.fault, nowMs);
    const gated = { ...decoder, fault: gate.run };
    const decodeStartMs = nowMs();
    const decoded = await decodeParts(parts, modalities, metadata, required, gated, reservePixels);
    const decodeEndMs = nowMs();
    const gateStartMs = decodeEndMs - gate.totalMs();
    onStage('decode', decodeStartMs, gateStartMs);
    onStage('gate', gateStartMs, decodeEndMs);

    const branch = chooseBranch(branches, decoded, required);

    const submittedMs = nowMs();
    const run =
      branch &&
      (await scheduler.submit({
        call: { model: bundle.key, branch: branch.id, inputs: batchOfOne(branch, decoded.good) },
        deadlineMs,
        signal,
        arrival,
      }));
    const judgeStartMs = nowMs();
    if (run) {
      const startedMs = submittedMs + run.queueMs;
      onStage('queue', submittedMs, startedMs);
      onStage('run', startedMs, startedMs + run.answer.runMs);
    }

    const judged = branch && run && judgeAnswer(run.answer, branch, assignment);
    if (judged) onStage('judge', judgeStartMs, nowMs());

    const timings = {
      decodeMs: decodeEndMs - decodeStartMs,
      queueMs: run?.queueMs ?? 0,
      runMs: run?.answer.runMs ?? 0,
      totalMs: nowMs() - receivedMs,
    };
    const identity = { inspectionId, revision, previous };
    const findings = { ...identity, metadata, assignment, decoded, judged, timings, receivedAt };
    const inspection = record({ ...findings, completedAt: new Date() });
    await capture.claimed;
    const answered = await keeper.keep(inspection, judged, decoded.good);
    onInspected(answered);
    return answered;
  };
}
