// Workers that run until they are told to stop, on a clock moved by hand.
import type { ServiceError } from '../../src/errors.js';
import { ExpectedTime } from '../../src/schedule/expected-time.js';
import { Scheduler, type Submission } from '../../src/schedule/scheduler.js';
import type { RunResult } from '../../src/worker/inference-worker.js';
import type { BatchAnswer, BranchCall } from '../../src/worker/protocol.js';

/** The answer to exactly this call. */
export const answerOf = (call: BranchCall) => ({ to: call }) as unknown as BatchAnswer;

/** A capture of the modalities its branch is named after. */
export function callOf(branch: string, model = 'tiny@1'): BranchCall {
  const tensor = { dtype: 'uint8', shape: [1], data: new Uint8Array(1) } as const;
  return { model, branch, inputs: Object.fromEntries(branch.split('+').map((name) => [name, tensor])) };
}

export interface RunningBatch {
  readonly calls: readonly BranchCall[];
  finish(): void;
  fail(error: ServiceError): void;
}

export interface Settings {
  readonly workers?: number;
  readonly queueLimit?: number;
  readonly maxBatch?: number;
  /** What one capture is known to take from the start. */
  readonly runMs?: number;
  /** Known from the start only for these. */
  readonly known?: readonly string[];
}

/** What `finish` settles is settled after `await settled()`. */
export function byHand({ workers = 1, queueLimit = 8, maxBatch = 1, runMs = 0, known = [] }: Settings = {}) {
  const clock = { ms: 0 };
  const depths: number[] = [];
  const batches: number[] = [];
  const ran: BranchCall[] = [];
  const running: RunningBatch[] = [];
  const expected = new ExpectedTime();
  for (const branch of known) teach(expected, branch, runMs);
  let idle = workers;
  const scheduler = new Scheduler({
    expected,
    queueLimit,
    maxBatch,
    nowMs: () => clock.ms,
    onDepth: (depth) => depths.push(depth),
    onBatch: (size) => batches.push(size),
    runner: {
      get idle() {
        return idle;
      },
      run: (calls) => {
        if (idle === 0) throw new Error('no worker is idle');
        idle--;
        ran.push(...calls);
        const startedMs = clock.ms;
        return new Promise<RunResult>((resolve, reject) => {
          const free = () => {
            running.splice(running.indexOf(batch), 1);
            idle++;
            scheduler.pump();
          };
          const batch: RunningBatch = {
            calls,
            finish: () => {
              const ms = (clock.ms - startedMs) / calls.length;
              const graphs = calls.map(
                ({ branch }) => ({ kind: 'head', name: branch, samples: 1, ms }) as const,
              );
              resolve({ outcomes: calls.map(answerOf), graphs });
              free();
            },
            fail: (error) => {
              reject(error);
              free();
            },
          };
          running.push(batch);
        });
      },
    },
  });
  const submit = (branch: string, options: Partial<Submission> = {}) => {
    const signal = new AbortController().signal;
    const answer = scheduler.submit({ call: callOf(branch), deadlineMs: 1e9, signal, ...options });
    // Looked at later; until then nobody listens to it.
    answer.catch(() => {});
    return answer;
  };
  return { scheduler, submit, clock, depths, batches, ran, running };
}

/** Until the fit knows that a capture of `branch` takes `runMs`. */
export function teach(expected: ExpectedTime, branch: string, runMs: number): void {
  const head = { kind: 'head', name: branch, samples: 1, ms: runMs } as const;
  expected.observe('tiny@1', [head], 1, runMs);
}

/** Lets promises that are settled be seen. */
export const settled = () => new Promise(setImmediate);
