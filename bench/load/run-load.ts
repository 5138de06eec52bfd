// Gives a task to a load generator of its own process, so that whoever measures does not slow it down.
import { fileURLToPath } from 'node:url';
import { runForked } from '../forked.js';
import type { LoadResult, LoadTask } from './protocol.js';

const GENERATOR = fileURLToPath(new URL('./generator.js', import.meta.url));

export function runLoad(task: LoadTask, signal: AbortSignal): Promise<LoadResult> {
  return runForked(GENERATOR, task, { signal });
}
