// The process of the ceiling: as many raw workers as asked for, begun at the same moment.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FromRawWorker, RawResult, RawTask, ToRawWorker } from './protocol.js';

// As the service does, before ONNX Runtime and CUDA are loaded: nothing is reported to its maker, products are exact.
process.env.ORT_DISABLE_TELEMETRY = '1';
process.env.NVIDIA_TF32_OVERRIDE ??= '0';

process.once('message', async (task: RawTask) => {
  const workers = Array.from({ length: task.workers }, (_, i) => begin(task, i));
  const scores = (await Promise.all(workers.map((worker) => next(worker, 'loaded')))).map(
    (loaded) => loaded.scores,
  );
  const done = workers.map((worker) => next(worker, 'done'));
  for (const worker of workers) tell(worker, { type: 'begin' });
  const latenciesMs = (await Promise.all(done)).flatMap((measured) => measured.latenciesMs);
  const result: RawResult = { latenciesMs, scores: scores[0] ?? [] };
  process.send?.(result, () => process.disconnect());
});

/** Each starts elsewhere in the list, so that a mix is a mix at any moment. */
function begin(task: RawTask, i: number): Worker {
  const worker = new Worker(new URL('./raw-worker.js', import.meta.url));
  const firstJob = Math.floor((i * task.jobs.length) / task.workers);
  tell(worker, { type: 'load', task, firstJob });
  return worker;
}

/** Rejects where the worker breaks. */
async function next<T extends FromRawWorker['type']>(
  worker: Worker,
  type: T,
): Promise<Extract<FromRawWorker, { type: T }>> {
  const [message] = (await once(worker, 'message')) as [FromRawWorker];
  if (message.type !== type) throw new Error(`a raw worker said "${message.type}" instead of "${type}"`);
  return message as Extract<FromRawWorker, { type: T }>;
}

function tell(worker: Worker, message: ToRawWorker): void {
  worker.postMessage(message);
}
