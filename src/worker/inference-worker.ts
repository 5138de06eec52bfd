// One inference thread seen from the main thread: started, asked, drained; its death rejects exactly its own runs.
import { Worker } from 'node:worker_threads';
import './ort-environment.js';
import { ServiceError } from '../errors.js';
import type {
  BatchAnswer,
  FromWorker,
  GraphTime,
  Outcome,
  ProviderReport,
  Startup,
  ToWorker,
  Turn,
} from './protocol.js';

/** Of one batch. */
export interface RunResult {
  /** One a call, in their order; an error where that call alone could not be run. */
  readonly outcomes: readonly (BatchAnswer | ServiceError)[];
  readonly graphs: readonly GraphTime[];
}

interface PendingRun {
  readonly resolve: (results: readonly RunResult[]) => void;
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
  #abandon: () => void = () => {};
  /** Resolves where nobody waits for its run any more. */
  readonly abandoned = new Promise<void>((resolve) => {
    this.#abandon = resolve;
  });
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

  /** Throws an Error of one line where a model or provider cannot be opened, or what the thread died of. */
  start(startup: Startup): Promise<ProviderReport> {
    return new Promise((resolve, reject) => {
      this.#settleStart = { resolve, reject };
      // It may have died already.
      void this.exited.then((why) => reject(why ?? new Error('the worker was drained before it was ready')));
      this.#send(startup, startup.models.flatMap(graphBuffers));
    });
  }

  /** One result a batch, in their order. Throws ServiceError WORKER_LOST if the thread dies meanwhile. */
  run(turn: Turn): Promise<readonly RunResult[]> {
    const runId = this.#nextRunId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(runId, { resolve, reject });
      // Cloned, not moved: buffers made only to be moved away would fill the heap that the event loop's thread collects.
      this.#send({ type: 'run', runId, turn }, []);
    });
  }

  /** Its run may go on, but nobody waits for it any more; the thread ends when it comes back. */
  abandon(why: ServiceError): void {
    for (const { reject } of this.#pending.values()) reject(why);
    this.#pending.clear();
    this.#abandon();
    this.#send({ type: 'drain' }, []);
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
        this.#take(message.runId)?.resolve(
          message.batches.map(({ outcomes, graphs }) => ({ outcomes: outcomes.map(answerOrError), graphs })),
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

function answerOrError(outcome: Outcome): BatchAnswer | ServiceError {
  if ('answer' in outcome) return outcome.answer;
  return new ServiceError('INTERNAL', { detail: `The model could not be run: ${outcome.failed}.` });
}

function graphBuffers(model: Startup['models'][number]): ArrayBuffer[] {
  return [...model.encoders, ...model.branches].map(({ onnx }) => onnx.buffer as ArrayBuffer);
}
