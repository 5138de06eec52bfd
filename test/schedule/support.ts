// Workers that run until they are told to stop, on a clock moved by hand.
import type { ServiceError } from '../../src/errors.js';
import { ExpectedTime } from '../../src/schedule/expected-time.js';
import { Scheduler, type Submission } from '../../src/schedule/scheduler.js';
import type { RunResult } from '../../src/worker/inference-worker.js';
import type { BatchAnswer, BranchCall, Turn } from '../../src/worker/protocol.js';

/** The answer to exactly this call. */
export const answerOf = (call: BranchCall, runMs = 0) => ({ to: call, runMs }) as unknown as BatchAnswer;

/** A capture of the modalities its branch is named after. */
export function callOf(branch: string, model = 'tiny@1'): BranchCall {
  const tensor = { dtype: 'uint8', shape: [1], data: new Uint8Array(1) } as const;
  return { model, branch, inputs: Object.fromEntries(branch.split('+').map((name) => [name, tensor])) };
}

export interface RunningTurn {
  readonly turn: Turn;
  /** Of all its batches. */
  readonly calls: readonly BranchCall[];
  /** `wayMs` of the time since it began were no graph's. */
  finish(wayMs?: number): void;
  fail(error: ServiceError): void;
}

export interface Settings {
  readonly workers?: number;
  readonly queueLimit?: number;
  readonly maxBatch?: number;
  readonly maxTurn?: number;
  /** What one capture is known to take from the start. */
  readonly runMs?: number;
  /** Known from the start only for these. */
  readonly known?: readonly string[];
}

/** What `finish` settles is settled after `await settled()`. */
export function byHand(settings: Settings = {}) {
  const { workers = 1, queueLimit = 8, maxBatch = 1, maxTurn = 1, runMs = 0, known = [] } = settings;
  const clock = { ms: 0 };
  const depths: number[] = [];
  const batches: number[] = [];
  const ran: BranchCall[] = [];
  const running: RunningTurn[] = [];
  const expected = new ExpectedTime();
  for (const branch of known) teach(expected, branch, runMs);
  let idle = workers;
  const scheduler = new Scheduler({
    expected,
    queueLimit,
    maxBatch,
    maxTurn,
    nowMs: () => clock.ms,
    onDepth: (depth) => depths.push(depth),
    onBatch: (size) => batches.push(size),
    runner: {
      get idle() {
        return idle;
      },
      alive: workers,
      run: (turn) => {
        if (idle === 0) throw new Error('no worker is idle');
        idle--;
        ran.push(...turn.flat());
        const startedMs = clock.ms;
        return new Promise<readonly RunResult[]>((resolve, reject) => {
          const free = () => {
            running.splice(running.indexOf(one), 1);
            idle++;
            scheduler.pump();
          };
          const one: RunningTurn = {
            turn,
            calls: turn.flat(),
            finish: (wayMs = 0) => {
              const ms = (clock.ms - startedMs - wayMs) / turn.length;
              resolve(
                turn.map((batch) => ({
                  outcomes: batch.map((call) => answerOf(call, ms)),
                  graphs: batch.map(({ branch }) => {
                    return { kind: 'head', name: branch, samples: 1, ms: ms / batch.length } as const;
                  }),
                })),
              );
              free();
            },
            fail: (error) => {
              reject(error);
              free();
            },
          };
          running.push(one);
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
  return { scheduler, expected, submit, clock, depths, batches, ran, running };
}

/** Until the fit knows that a capture of `branch` takes `runMs`. */
export function teach(expected: ExpectedTime, branch: string, runMs: number): void {
  const head = { kind: 'head', name: branch, samples: 1, ms: runMs } as const;
  expected.observe('tiny@1', [head]);
}

/** Lets promises that are settled be seen. */
export const settled = () => new Promise(setImmediate);
