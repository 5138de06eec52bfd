// The inference thread: opens the models, then answers one Run after the other until it is drained.
import { parentPort } from 'node:worker_threads';
import type { BatchAnswer, FromWorker, Run, Startup, ToWorker } from './protocol.js';
import { openModels } from './providers.js';
import type { ModelSession } from './session.js';

if (parentPort === null) throw new Error('worker/entry is started by the pool, not by hand');
const port = parentPort;

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

async function run({ runId, call }: Run): Promise<void> {
  try {
    const session = sessions.get(call.model);
    if (session === undefined) throw new Error(`model ${call.model} is not loaded`);
    const result = await session.run(call.branch, call.inputs);
    send({ type: 'result', runId, answer: result }, buffersOf(result));
  } catch (error) {
    send({ type: 'failed', runId, message: (error as Error).message });
  }
}

async function drain(): Promise<void> {
  for (const session of sessions.values()) await session.release();
  send({ type: 'drained' });
  port.close();
}

function send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function buffersOf(answer: BatchAnswer): ArrayBuffer[] {
  return [
    answer.score,
    answer.map.values,
    answer.modalityScore,
    answer.modalityWeight,
    ...Object.values(answer.modalityMaps).map((map) => map.values),
  ].map((values) => values.buffer as ArrayBuffer);
}
