// What the bench asks of bare ONNX Runtime, and what it answers.
import type { ModalitySpec } from '../../src/bundle/manifest.js';

/** One capture, judged by one graph. */
export interface RawJob {
  /** The single-graph file of its branch. */
  readonly graph: string;
  readonly parts: readonly RawPart[];
}

export interface RawPart {
  readonly spec: ModalitySpec;
  readonly file: Uint8Array;
}

export interface RawTask {
  /** Taken in turn, over and over, by every worker. The same one may come several times. */
  readonly jobs: readonly RawJob[];
  readonly workers: number;
  /** ONNX Runtime's execution provider. */
  readonly provider: string;
  /** So many captures a run, each job's own; all jobs of one graph where it is more than 1. */
  readonly batch: number;
  /** false: decoded once, beforehand. */
  readonly decode: boolean;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface RawResult {
  /** Of the time measured, all workers together. */
  readonly latenciesMs: readonly number[];
  /** One a job, however often it comes; in the order in which they come first. */
  readonly scores: readonly number[];
}

/** To a worker: the task, then the moment to begin. */
export type ToRawWorker =
  | { readonly type: 'load'; readonly task: RawTask; readonly firstJob: number }
  | { readonly type: 'begin' };
export type FromRawWorker =
  | { readonly type: 'loaded'; readonly scores: readonly number[] }
  | { readonly type: 'done'; readonly latenciesMs: readonly number[] };
