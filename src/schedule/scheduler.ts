// The queue before the workers: first come, first served, bounded, and nobody runs whom nobody waits for.
import { ServiceError } from '../errors.js';
import type { BatchAnswer, BranchCall } from '../worker/protocol.js';

/** The smallest verb the queue needs of the workers. */
export interface Runner {
  /** How many calls would start at once. */
  readonly idle: number;
  run(call: BranchCall): Promise<BatchAnswer>;
}

export interface SchedulerOptions {
  readonly runner: Runner;
  /** Waiting calls, without those that run. */
  readonly queueLimit: number;
  readonly nowMs: () => number;
  readonly onDepth: (depth: number) => void;
}

export interface Submission {
  readonly call: BranchCall;
  /** On the injected clock. */
  readonly deadlineMs: number;
  /** Aborts when the caller is gone or its deadline has passed; its reason becomes the rejection. */
  readonly signal: AbortSignal;
}

export interface ScheduledAnswer {
  readonly answer: BatchAnswer;
  readonly queueMs: number;
}

interface Waiting extends Submission {
  readonly enqueuedMs: number;
  readonly resolve: (answer: ScheduledAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #queue: Waiting[] = [];

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get depth(): number {
    return this.#queue.length;
  }

  /** Refuses at the door. Throws ServiceError OVERLOADED. */
  assertRoom(): void {
    const { queueLimit } = this.#options;
    if (this.#queue.length < queueLimit) return;
    throw new ServiceError('OVERLOADED', {
      detail: `${this.#queue.length} captures are waiting, the limit is ${queueLimit}; send this one again later.`,
      retryAfterSeconds: 1,
    });
  }

  /** Throws ServiceError OVERLOADED, DEADLINE_UNREACHABLE, WORKER_LOST, INTERNAL, or the signal's reason. */
  async submit(submission: Submission): Promise<ScheduledAnswer> {
    submission.signal.throwIfAborted();
    if (this.#options.runner.idle === 0) this.assertRoom();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { ...submission, enqueuedMs: this.#options.nowMs(), resolve, reject };
      submission.signal.addEventListener('abort', () => this.#abandon(waiting), { once: true });
      this.#queue.push(waiting);
      this.pump();
    });
  }

  /** Starts what can start; called when something was queued and when a worker became idle. */
  pump(): void {
    while (this.#options.runner.idle > 0) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      const startedMs = this.#options.nowMs();
      if (startedMs >= next.deadlineMs) next.reject(deadlinePassed(startedMs - next.enqueuedMs));
      else void this.#start(next, startedMs);
    }
    this.#options.onDepth(this.#queue.length);
  }

  async #start({ call, resolve, reject, enqueuedMs }: Waiting, startedMs: number): Promise<void> {
    try {
      const answer = await this.#options.runner.run(call);
      resolve({ answer, queueMs: startedMs - enqueuedMs });
    } catch (error) {
      reject(error);
    }
  }

  /** A call that already runs cannot be stopped; its caller is let go and the answer is thrown away. */
  #abandon(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    waiting.reject(waiting.signal.reason);
    this.#options.onDepth(this.#queue.length);
  }
}

function deadlinePassed(waitedMs: number): ServiceError {
  return new ServiceError('DEADLINE_UNREACHABLE', {
    detail: `The capture waited ${Math.round(waitedMs)} ms for a worker; its deadline has passed.`,
    retryAfterSeconds: 1,
  });
}
