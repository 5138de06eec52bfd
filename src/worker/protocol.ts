// What the main thread and an inference worker say to each other; every message crosses once, as plain values.
import type { BranchSpec, EncoderSpec } from '../bundle/manifest.js';

/** A batch of one modality, as its encoder takes it: axis 0 is N. */
export type BatchTensor =
  | { readonly dtype: 'uint8'; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array };

/** By modality. */
export type BatchInputs = Readonly<Record<string, BatchTensor>>;

/** N maps of one size, row-major. */
export interface BatchMap {
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array; // (N, h, w)
}

export interface BatchAnswer {
  readonly score: Float32Array; // (N,)
  readonly map: BatchMap;
  /** Columns in the order of the branch's modalities. */
  readonly modalityScore: Float32Array; // (N, M)
  readonly modalityWeight: Float32Array; // (N, M)
  /** Each used encoder's own map. */
  readonly modalityMaps: Readonly<Record<string, BatchMap>>;
  /** Of one sample: the maps as they are kept (map-codec.ts), "fused" and each modality's own; of several: none. */
  readonly keptMaps: Readonly<Record<string, Uint8Array>>;
  readonly runMs: number;
}

/** One bundle as a worker needs it; the graphs' bytes are moved, not copied. */
export interface WorkerModel {
  readonly key: string;
  readonly encoders: readonly { readonly spec: EncoderSpec; readonly onnx: Uint8Array }[];
  readonly branches: readonly { readonly spec: BranchSpec; readonly onnx: Uint8Array }[];
}

export interface SessionOptions {
  /** In the order of preference. */
  readonly providers: readonly string[];
  /** strict: the first provider or no start; fallback: the first that starts. */
  readonly policy: 'strict' | 'fallback';
  /** Which of several GPUs, as the provider counts them; undefined: its first. */
  readonly deviceId?: number | undefined;
  readonly intraOpThreads: number;
  /** Captures of one run, where the provider wants to know before (rungs.ts). */
  readonly maxBatch: number;
}

export interface ProviderReport {
  readonly active: string;
  /** Why each preferred provider is not the active one; empty where the first one is. */
  readonly refused: readonly { readonly provider: string; readonly why: string }[];
}

/** What one graph took, for `samples` of the batch: those that carried its modality, or were of its branch. */
export interface GraphTime {
  readonly kind: 'encoder' | 'head';
  /** The modality, or the branch. */
  readonly name: string;
  readonly samples: number;
  readonly ms: number;
}

export interface BranchCall {
  /** Bundle key, "name@version". */
  readonly model: string;
  readonly branch: string;
  readonly inputs: BatchInputs;
}

export interface Startup {
  readonly type: 'startup';
  readonly models: readonly WorkerModel[];
  readonly options: SessionOptions;
}
/** Calls of one model that share its encoders' runs. */
export type Batch = readonly BranchCall[];
/** What a worker is given at once: batches it runs one after the other, and answers together. */
export type Turn = readonly Batch[];

export interface Run {
  readonly type: 'run';
  readonly runId: number;
  readonly turn: Turn;
}
/** Finish what runs, release the sessions, answer Drained. */
export interface Drain {
  readonly type: 'drain';
}
export type ToWorker = Startup | Run | Drain;

export interface Ready {
  readonly type: 'ready';
  readonly provider: ProviderReport;
}
export interface StartFailed {
  readonly type: 'start-failed';
  readonly message: string;
}
export interface Result {
  readonly type: 'result';
  readonly runId: number;
  /** One a batch, in their order. */
  readonly batches: readonly BatchResult[];
}
export interface BatchResult {
  /** One a call, in their order. */
  readonly outcomes: readonly Outcome[];
  /** Empty where the calls could not be run together. */
  readonly graphs: readonly GraphTime[];
}
export type Outcome = { readonly answer: BatchAnswer } | { readonly failed: string };
export interface Drained {
  readonly type: 'drained';
}
export type FromWorker = Ready | StartFailed | Result | Drained;
