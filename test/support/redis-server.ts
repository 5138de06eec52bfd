// A redis-server of the test's own: on a free port, in memory only, gone when stopped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './process.js';

const HOW_TO_GET_IT =
  'redis-server is missing: "apt-get install redis-server" (Debian, Ubuntu) or "brew install redis" (macOS) brings it.';

export interface RedisServer {
  readonly port: number;
  /** For ioredis, or REDIS_URL. */
  readonly url: string;
  /** Hangs: connections stay open and nothing is answered, until resume(). */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** `extra`: further settings of its command line. Resolves once the server takes connections; rejects with one line where it is missing or does not start. */
export async function startRedisServer(extra: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-redis-'));
  const port = await freePort();
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder];
  const server = spawn('redis-server', [...settings, '--save', '', '--appendonly', 'no', ...extra], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async () => {
    if (server.pid !== undefined && server.exitCode === null && server.signalCode === null) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(new Error(HOW_TO_GET_IT, { cause })));
      server.once('exit', (code) => reject(new Error(`redis-server ended at once with exit code ${code}.`)));
      createInterface({ input: server.stdout }).on('line', (line) => {
        if (line.includes('Ready to accept connections')) resolve();
      });
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pause: () => server.kill('SIGSTOP'),
    resume: () => server.kill('SIGCONT'),
    stop,
  };
}
