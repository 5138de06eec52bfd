// Sends the planned captures, a few at a time, and keeps what came back for each.
import { randomBytes } from 'node:crypto';
import type { Inspection } from '../src/inspection.js';
import { postCapture, RefusedError } from './client.js';
import { captureKey, GOOD } from './labelled-folder.js';
import type { PlannedCapture } from './plan.js';

export interface JudgedCapture {
  readonly label: string;
  readonly id: string;
  readonly defective: boolean;
  readonly modalities: readonly string[];
  /** undefined where the service refused the capture. */
  readonly inspection: Inspection | undefined;
  /** The problem's code, e.g. NO_BRANCH; undefined where it answered. */
  readonly refusedAs: string | undefined;
  readonly latencyMs: number | undefined;
}

export interface JudgeOptions {
  readonly serviceUrl: string;
  /** "name@version". */
  readonly model: string;
  readonly concurrency: number;
  readonly onProgress: (done: number) => void;
}

/**
 * One answer a capture, in the plan's order. A refused capture is a result; a service that cannot be reached,
 * or does not run the model, is an Error of one line.
 */
export async function judgeCaptures(
  plan: readonly PlannedCapture[],
  options: JudgeOptions,
): Promise<JudgedCapture[]> {
  const judged: JudgedCapture[] = new Array(plan.length);
  const queue = plan.entries();
  let done = 0;
  // A run of its own: a service that is up already would answer a captureId it knows with what it said before.
  const run = randomBytes(4).toString('hex');
  const sendOneByOne = async () => {
    for (const [i, capture] of queue) {
      judged[i] = await judge(capture, run, options);
      options.onProgress(++done);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, sendOneByOne));
  return judged;
}

async function judge(
  capture: PlannedCapture,
  run: string,
  { serviceUrl, model }: JudgeOptions,
): Promise<JudgedCapture> {
  const { label, id, modalities } = capture;
  const common = { label, id, modalities, defective: label !== GOOD };
  const files = new Map([...capture.files].filter(([modality]) => modalities.includes(modality)));
  try {
    const answer = await postCapture(serviceUrl, {
      model,
      files,
      metadata: { captureId: `${run}:${captureKey(capture)}` },
    });
    return { ...common, ...answer, refusedAs: undefined };
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code === 'UNKNOWN_MODEL') throw error;
    return { ...common, inspection: undefined, refusedAs: error.code, latencyMs: undefined };
  }
}
