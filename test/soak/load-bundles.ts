// A process that loads a bundle and lets go of it, again and again, and looks at its own memory.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryOf } from '../../bench/process-memory.js';
import { openApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import type { MemoryPoint } from './growth.js';

export interface LoadBundles {
  readonly modelsDir: string;
  readonly model: string;
  readonly loads: number;
}

process.once('message', async ({ modelsDir, model, loads }: LoadBundles) => {
  const points: MemoryPoint[] = [];
  for (let load = 1; load <= loads; load++) {
    await loadOnce(modelsDir, model);
    // Run with --expose-gc: what waits to be collected is no leak.
    global.gc?.();
    const memory = await memoryOf(process.pid);
    if (memory !== undefined) points.push({ x: load, bytes: memory.anonymousBytes });
  }
  process.send?.(points, () => process.disconnect());
});

/** The whole service but its port: threads, sessions, self-test, store. */
async function loadOnce(modelsDir: string, model: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-loads-'));
  try {
    const app = await openApp(
      loadConfig({
        MODELS_DIR: modelsDir,
        MODELS: model,
        STORE_PATH: join(folder, 'store'),
        WORKERS: '1',
        LOG_LEVEL: 'silent',
      }),
    );
    await app.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
