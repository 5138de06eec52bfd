// A redis-server of the test's own: on a free port, in memory only, gone when stopped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
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
  const settings = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...extra];
  return launch((folder, port) => ['--port', `${port}`, '--dir', folder, ...settings], 'Ready to accept');
}

/** One sentinel, whose word alone is enough, that watches `master` under the name "parts". */
export async function startSentinel(master: RedisServer, password = ''): Promise<RedisServer> {
  return launch((folder, port) => {
    const path = join(folder, 'sentinel.conf'); // it writes there itself, too
    const lines = [
      ...[`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`],
      `sentinel monitor parts 127.0.0.1 ${master.port} 1`,
      ...['sentinel down-after-milliseconds parts 500', 'sentinel failover-timeout parts 3000'],
      ...(password === '' ? [] : [`requirepass ${password}`]),
    ];
    writeFileSync(path, `${lines.join('\n')}\n`);
    return [path, '--sentinel'];
  }, '+monitor master parts');
}

async function launch(
  argsOf: (folder: string, port: number) => readonly string[],
  ready: string,
): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-redis-'));
  const port = await freePort();
  const server = spawn('redis-server', argsOf(folder, port), { stdio: ['ignore', 'pipe', 'inherit'] });
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
        if (line.includes(ready)) resolve();
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
