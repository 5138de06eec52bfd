// A redis-server of the simulation's own: on a free port, in a temporary folder, to be stopped and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { freePort } from '../child-server.js';

export interface OwnRedis {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What it answered to is on its disk: an outage is no loss. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];

/** Not started yet. */
export async function ownRedis(folder: string): Promise<OwnRedis> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  let server: ChildProcess | undefined;
  return {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      server = spawn(
        'redis-server',
        ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, ...DURABLE],
        // A group of its own: Ctrl-C must not take it from under the service.
        { stdio: ['ignore', 'pipe', 'ignore'], detached: true },
      );
      await untilReady(server);
    },
    async stop() {
      if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
}

function untilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error('redis-server is missing: "apt-get install redis-server" brings it.', { cause })),
    );
    server.once('exit', (code) => reject(new Error(`redis-server ended at once with exit code ${code}.`)));
    if (server.stdout === null) return reject(new Error('redis-server has no output.'));
    createInterface({ input: server.stdout }).on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve();
    });
  });
}
