// THE LINE: one capture, from its bytes to its stored verdict.
import type { ModelRegistry } from './bundle/registry.js';
import { assign } from './inspect/assign.js';
import { chooseBranch } from './inspect/choose.js';
import { type DecodedParts, type Decoder, decodeParts, type ReservePixels } from './inspect/decode-parts.js';
import { newInspectionId } from './inspect/inspection-id.js';
import { batchOfOne, judgeAnswer } from './inspect/judge-answer.js';
import type { Keeper } from './inspect/keep.js';
import type { ImageKeeper, ImagePolicy } from './inspect/keep-images.js';
import { record } from './inspect/record.js';
import { type OnStage, watchStages } from './inspect/stages.js';
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
  readonly images: Pick<ImageKeeper, 'keep'>;
  /** Where the recipe has none of its own. */
  readonly imagePolicy: ImagePolicy;
  readonly nowMs: () => number;
  /** Every answer, also of a part that was not decidable, and the good signals of its capture by modality. */
  readonly onInspected: (inspection: Inspection, good: DecodedParts['good']) => void;
  readonly onStage: OnStage;
}

export type Inspect = (capture: Capture) => Promise<Inspection>;

/** NOT_DECIDABLE where no good signal arrived. Throws ServiceError where the capture is at fault, or overload is. */
export function createInspect(rooms: InspectionRooms): Inspect {
  const { models, recipes, decoder, scheduler, keeper, images, imagePolicy } = rooms;
  const { nowMs, onInspected, onStage } = rooms;
  return async (capture) => {
    const { parts, metadata, model, receivedAt, receivedMs, deadlineMs, signal, reservePixels } = capture;
    const { inspectionId = newInspectionId(receivedAt.getTime()), revision = 1, previous = null } = capture;
    const { arrival } = capture;
    const assignment = assign(metadata, model, models, recipes);
    const { bundle, required } = assignment;
    const { modalities, branches } = bundle.manifest;

    const watch = watchStages(onStage, nowMs);
    const gated = watch.gating(decoder);
    const decoded = await decodeParts(parts, modalities, metadata, required, gated, reservePixels);
    const decodeMs = watch.decoded();

    const branch = chooseBranch(branches, decoded, required);

    const run =
      branch &&
      (await scheduler.submit({
        call: { model: bundle.key, branch: branch.id, inputs: batchOfOne(branch, decoded.good) },
        deadlineMs,
        signal,
        arrival,
      }));
    if (run) watch.ran(run);

    const judged = branch && run && judgeAnswer(run.answer, branch, assignment);
    if (judged) watch.judged();

    const timings = {
      decodeMs,
      queueMs: run?.queueMs ?? 0,
      runMs: run?.answer.runMs ?? 0,
      totalMs: nowMs() - receivedMs,
    };
    const identity = { inspectionId, revision, previous };
    const findings = { ...identity, metadata, assignment, decoded, judged, timings, receivedAt };
    const inspection = record({ ...findings, completedAt: new Date() });
    await capture.claimed;
    const answered = await keeper.keep(inspection, judged);
    const seen = { parts, good: decoded.good, frame: judged?.frame };
    if (answered.stored) images.keep(answered, seen, { ...imagePolicy, ...assignment.imagePolicy });
    onInspected(answered, decoded.good);
    return answered;
  };
}
