// Starts the whole service in this process, on a free port with a store of its own, and ends it again.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { fixturesDir } from './tiny-bundle.js';

export interface RunningService {
  /** Without a slash at its end. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** On the tiny bundle, one worker, silent, unless `env` says otherwise. */
export async function startService(env: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-service-'));
  const app = await openApp(
    loadConfig({
      MODELS_DIR: fixturesDir,
      MODELS: 'tiny',
      STORE_PATH: join(folder, 'store'),
      WORKERS: '1',
      LOG_LEVEL: 'silent',
      ...env,
    }),
  );
  await app.server.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the service listens on no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    close: async () => {
      // Nobody is to be answered any more: no need to linger on connections that are kept alive.
      app.hurry();
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
