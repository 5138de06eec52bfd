// Starts the built service as a process of its own.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ChildServer, startServer } from './child-server.js';

export interface ServiceSettings {
  readonly modelsDir: string;
  /** "name@version"; absent: every model of the folder. */
  readonly model?: string;
  readonly storePath: string;
  /** What the service writes, log lines and errors. */
  readonly logFile: string;
  readonly port: number;
  /** false: nothing of this process's own environment, so that it runs with its defaults. */
  readonly inherit?: boolean;
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningService extends ChildServer {
  readonly url: string;
}

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url));

/** Resolves once /health/ready says yes; throws an Error with the service's own last words where it does not. */
export async function startService(settings: ServiceSettings): Promise<RunningService> {
  const url = `http://127.0.0.1:${settings.port}`;
  await rm(settings.logFile, { force: true });
  const server = await startServer({
    what: 'The service',
    command: process.execPath,
    args: [MAIN],
    env: {
      ...(settings.inherit === false ? { PATH: process.env.PATH } : process.env),
      // Blank is "not set": what the shell holds for another service must not leak into this one.
      REDIS_URL: '',
      RECIPES_FILE: '',
      DEFAULT_MODEL: '',
      API_KEYS_FILE: '',
      METRICS_ACCESS: '',
      TLS_CERT_FILE: '',
      TLS_KEY_FILE: '',
      TLS_CLIENT_CA_FILE: '',
      HOST: '127.0.0.1',
      PORT: String(settings.port),
      MODELS_DIR: settings.modelsDir,
      ...(settings.model !== undefined && { MODELS: settings.model }),
      STORE_PATH: settings.storePath,
      ...settings.env,
    },
    readyUrl: `${url}/health/ready`,
    logFile: settings.logFile,
  });
  return { ...server, url };
}
