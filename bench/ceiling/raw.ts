// Measures the ceiling in a process of its own.
import { fileURLToPath } from 'node:url';
import { runForked } from '../forked.js';
import type { RawResult, RawTask } from './protocol.js';

const MAIN = fileURLToPath(new URL('./raw-main.js', import.meta.url));

export function runRaw(task: RawTask, signal: AbortSignal): Promise<RawResult> {
  return runForked(MAIN, task, { signal });
}
