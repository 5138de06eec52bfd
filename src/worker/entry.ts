// The inference thread: opens the models, then answers one Run after the other until it is drained.
import { constants, getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { Batch, BatchResult, FromWorker, Outcome, Run, Startup, ToWorker } from './protocol.js';
import { openModels } from './providers.js';
import type { ModelSession } from './session.js';

if (parentPort === null) throw new Error('worker/entry is started by the pool, not by hand');
const port = parentPort;

/**
 * Linux keeps a priority for each thread: behind the main thread, whose turns are short, or on a busy machine every
 * refusal and health check would wait for a run to be interrupted. 5 steps: a third of the share, not nothing.
 */
const STEPS_BEHIND = 5;
if (process.platform === 'linux')
  try {
    setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + STEPS_BEHIND));
  } catch {
    // A sandbox may forbid it: no reason not to judge parts.
  }

let sessions: ReadonlyMap<string, ModelSession> = new Map();
/** Runs and the drain happen strictly one after the other: releasing a session during a run aborts the process. */
let turn: Promise<void> = Promise.resolve();

port.on('message', (message: ToWorker) => {
  turn = turn.then(() => answer(message));
});

function answer(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'startup':
      return start(message);
    case 'run':
      return run(message);
    case 'drain':
      return drain();
    default:
      throw new Error(`no such message: ${(message satisfies never as ToWorker).type}`);
  }
}

async function start({ models, options }: Startup): Promise<void> {
  try {
    const opened = await openModels(models, options);
    sessions = opened.sessions;
    send({ type: 'ready', provider: opened.provider });
  } catch (error) {
    send({ type: 'start-failed', message: (error as Error).message });
  }
}

async function run({ runId, turn }: Run): Promise<void> {
  const batches: BatchResult[] = [];
  for (const batch of turn) batches.push(await together(batch));
  send(
    { type: 'result', runId, batches },
    batches.flatMap(({ outcomes }) => outcomes.flatMap(buffersOf)),
  );
}

async function together(calls: Batch): Promise<BatchResult> {
  try {
    const { answers, graphs } = await sessionOf(calls).run(calls);
    return { outcomes: answers.map((answer) => ({ answer })), graphs };
  } catch (error) {
    if (calls.length === 1) return { outcomes: [{ failed: (error as Error).message }], graphs: [] };
    return { outcomes: await oneByOne(calls), graphs: [] };
  }
}

/** One bad sample fails its whole batch; alone it fails alone. */
async function oneByOne(calls: Batch): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const call of calls) outcomes.push(...(await together([call])).outcomes);
  return outcomes;
}

function sessionOf([first]: Batch): ModelSession {
  const session = sessions.get(first?.model ?? '');
  if (session === undefined) throw new Error(`model ${first?.model} is not loaded`);
  return session;
}

async function drain(): Promise<void> {
  for (const session of sessions.values()) await session.release();
  send({ type: 'drained' });
  port.close();
}

function send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

/** Each once, also where two maps share one. */
function buffersOf(outcome: Outcome): ArrayBuffer[] {
  if ('failed' in outcome) return [];
  const { score, map, modalityScore, modalityWeight, modalityMaps, keptMaps } = outcome.answer;
  const maps = [map, ...Object.values(modalityMaps)].map(({ values }) => values);
  const arrays = [score, modalityScore, modalityWeight, ...maps, ...Object.values(keptMaps)];
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))];
}
