// A worker that does what the branch's name says: a number is the score, "slow", "fail" and "die" are themselves,
// a path is a run that lasts until the file is gone.
import { existsSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { BatchAnswer, FromWorker, Outcome, ToWorker } from '../../../src/worker/protocol.js';

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
  const { runId, turn } = message;
  const outcomes: Outcome[] = [];
  for (const { branch } of turn.flat()) outcomes.push(await outcomeOf(branch));
  send({ type: 'result', runId, batches: [{ outcomes, graphs: [] }] });
}

async function outcomeOf(branch: string): Promise<Outcome> {
  if (branch === 'die') process.exit(7);
  if (branch === 'fail') return { failed: 'scripted failure' };
  if (branch === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  if (branch.startsWith('/')) await untilGone(branch);
  return { answer: { score: Float32Array.of(Number.parseInt(branch, 10) || 0) } as BatchAnswer };
}

/** A run that goes on until the test takes the file away. */
async function untilGone(path: string): Promise<void> {
  while (existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
}

function send(message: FromWorker): void {
  parentPort?.postMessage(message);
}
