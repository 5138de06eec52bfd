// One inference thread seen from the main thread: started, asked, drained; its death rejects exactly its own runs.
import { Worker } from 'node:worker_threads';
import { ServiceError } from '../errors.js';
import type { BatchAnswer, BranchCall, FromWorker, ProviderReport, Startup, ToWorker } from './protocol.js';

interface PendingRun {
  readonly resolve: (answer: BatchAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class InferenceWorker {
  readonly #thread: Worker;
  readonly #pending = new Map<number, PendingRun>();
  #nextRunId = 0;
  #settleStart: { resolve: (provider: ProviderReport) => void; reject: (error: Error) => void } | undefined;
  /** Resolves, with what the thread died of, once it is gone; undefined where it was drained. */
  readonly exited: Promise<Error | undefined>;
  #cause: Error | undefined;
  #drained = false;
  #gone = false;

  constructor(entry: URL) {
    this.#thread = new Worker(entry);
    this.#thread.on('message', (message: FromWorker) => this.#receive(message));
    this.#thread.on('error', (error) => {
      this.#cause = error;
    });
    this.exited = new Promise((resolve) => {
      this.#thread.on('exit', (exitCode) => {
        this.#gone = true;
        const why = this.#drained ? undefined : (this.#cause ?? new Error(`it exited with code ${exitCode}`));
        this.#rejectAll(why);
        resolve(why);
      });
    });
  }

  /** No longer there to be asked, from the moment its runs are rejected. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Throws an Error of one line where a model or provider cannot be opened. */
  start(startup: Startup): Promise<ProviderReport> {
    return new Promise((resolve, reject) => {
      this.#settleStart = { resolve, reject };
      this.#send(startup, startup.models.flatMap(graphBuffers));
    });
  }

  /** Throws ServiceError WORKER_LOST if the thread dies meanwhile. The inputs' buffers are moved away. */
  run(call: BranchCall): Promise<BatchAnswer> {
    const runId = this.#nextRunId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(runId, { resolve, reject });
      this.#send(
        { type: 'run', runId, call },
        Object.values(call.inputs).map(({ data }) => data.buffer as ArrayBuffer),
      );
    });
  }

  /** Lets the run in progress end, then the thread. Never terminate(): during a run that aborts the process. */
  async drain(): Promise<void> {
    this.#send({ type: 'drain' }, []);
    await this.exited;
  }

  #send(message: ToWorker, transfer: ArrayBuffer[]): void {
    this.#thread.postMessage(message, transfer);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#settleStart?.resolve(message.provider);
        break;
      case 'start-failed':
        this.#settleStart?.reject(new Error(message.message));
        break;
      case 'result':
        this.#take(message.runId)?.resolve(message.answer);
        break;
      case 'failed':
        this.#take(message.runId)?.reject(
          new ServiceError('INTERNAL', { detail: `The model could not be run: ${message.message}.` }),
        );
        break;
      case 'drained':
        this.#drained = true;
        break;
      default:
        throw new Error(`no such message: ${(message satisfies never as FromWorker).type}`);
    }
  }

  #take(runId: number): PendingRun | undefined {
    const run = this.#pending.get(runId);
    this.#pending.delete(runId);
    return run;
  }

  #rejectAll(why: Error | undefined): void {
    this.#settleStart?.reject(why ?? new Error('the worker was drained before it was ready'));
    for (const { reject } of this.#pending.values())
      reject(
        new ServiceError('WORKER_LOST', {
          detail: 'The inference worker died on this capture; send it again.',
          retryAfterSeconds: 1,
          cause: why,
        }),
      );
    this.#pending.clear();
  }
}

function graphBuffers(model: Startup['models'][number]): ArrayBuffer[] {
  return [...model.encoders, ...model.branches].map(({ onnx }) => onnx.buffer as ArrayBuffer);
}
