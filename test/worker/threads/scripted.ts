// A worker that does what the branch's name says: a number is the score, "slow", "fail" and "die" are themselves.
import { parentPort } from 'node:worker_threads';
import type { BatchAnswer, FromWorker, ToWorker } from '../../../src/worker/protocol.js';

const SLOW_MS = 50;
let running: Promise<void> = Promise.resolve();

parentPort?.on('message', (message: ToWorker) => {
  running = running.then(() => answer(message));
});

async function answer(message: ToWorker): Promise<void> {
  if (message.type === 'startup') {
    const [provider = ''] = message.options.providers;
    if (provider === 'broken') return send({ type: 'start-failed', message: 'provider broken: scripted' });
    return send({ type: 'ready', provider: { active: provider, refused: [] } });
  }
  if (message.type === 'drain') {
    send({ type: 'drained' });
    parentPort?.close();
    return;
  }
  const { runId, call } = message;
  if (call.branch === 'die') process.exit(7);
  if (call.branch === 'fail') return send({ type: 'failed', runId, message: 'scripted failure' });
  if (call.branch === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  const score = Float32Array.of(Number.parseInt(call.branch, 10) || 0);
  send({ type: 'result', runId, answer: { score } as BatchAnswer });
}

function send(message: FromWorker): void {
  parentPort?.postMessage(message);
}
