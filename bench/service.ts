// Starts the built service as a process of its own, and stops it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface ServiceSettings {
  readonly modelsDir: string;
  /** "name@version"; absent: every model of the folder. */
  readonly model?: string;
  readonly storePath: string;
  /** What the service writes, log lines and errors. */
  readonly logFile: string;
  readonly port: number;
}

export interface RunningService {
  readonly url: string;
  /** Resolves when the process has ended, however it came to it, with its last words. */
  readonly ended: Promise<string>;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 120_000;
const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url));

/** Resolves once /health/ready says yes; throws an Error with the service's own last words where it does not. */
export async function startService(settings: ServiceSettings): Promise<RunningService> {
  const log = await open(settings.logFile, 'w');
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', log.fd, log.fd],
    // Its own process group: Ctrl-C reaches it once, through stop(), and not as a second, rude signal.
    detached: true,
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: String(settings.port),
      MODELS_DIR: settings.modelsDir,
      ...(settings.model !== undefined && { MODELS: settings.model }),
      STORE_PATH: settings.storePath,
      // Blank is "not set": what the shell holds for another service must not leak into this one.
      REDIS_URL: '',
      RECIPES_FILE: '',
      DEFAULT_MODEL: '',
    },
  });
  await log.close();
  const ended = once(child, 'exit').then(() => lastWords(settings.logFile));
  const service = { url: `http://127.0.0.1:${settings.port}`, ended, stop: () => stop(child, ended) };
  try {
    await untilReady(service.url, child, settings.logFile);
    return service;
  } catch (error) {
    await service.stop();
    throw error;
  }
}

/** `preferred` if nobody listens there, otherwise any free port. */
export async function freePort(preferred = 0): Promise<number> {
  const probe = createServer();
  try {
    probe.listen(preferred, '127.0.0.1');
    await once(probe, 'listening');
    const address = probe.address();
    if (address === null || typeof address === 'string') throw new Error('No port is free.');
    return address.port;
  } catch (error) {
    if (preferred === 0) throw error;
    return await freePort();
  } finally {
    probe.close();
  }
}

async function untilReady(url: string, child: ChildProcess, logFile: string): Promise<void> {
  const giveUpMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < giveUpMs) {
    if (hasEnded(child)) throw new Error(`The service did not start: ${await lastWords(logFile)}`);
    const ready = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (ready?.ok) return;
    await sleep(100);
  }
  throw new Error(`The service was not ready after ${READY_WITHIN_MS / 1000} s: ${await lastWords(logFile)}`);
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (!hasEnded(child)) child.kill('SIGTERM');
  await ended;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function lastWords(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
  return lines.at(-1) || 'it said nothing';
}
