// Runs dist/src/main.js as its own process, as a factory does: to be started wrong, terminated, or killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { fixturesDir } from './tiny-bundle.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** What it logged so far, line by line. */
  log(): Record<string, unknown>[];
}

/** On the tiny bundle with one worker, unless `env` says otherwise; nothing of this process's own environment. */
export function spawnService(env: Readonly<Record<string, string>>): ServiceProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { MODELS_DIR: fixturesDir, MODELS: 'tiny', WORKERS: '1', LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }));
  const log = () => stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  return { child, exited, log };
}

/** Resolves once the service answers; throws where it ends instead. */
export async function untilReady(url: string, { exited }: ServiceProcess): Promise<void> {
  let ended: Exit | undefined;
  void exited.then((exit) => {
    ended = exit;
  });
  for (;;) {
    if (ended !== undefined) throw new Error(`the service ended: ${ended.stderr}`);
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/**
 * The most memory a process had of its own since this was last asked, in bytes. The store's file is mapped as well,
 * and grows with every capture, but those pages are the system's to drop.
 */
export async function peakMemoryBytes({ child }: ServiceProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  const kibOf = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  // "5: Reset the peak resident set size (VmHWM) to the process's current one" (proc(5), clear_refs).
  await writeFile(`/proc/${child.pid}/clear_refs`, '5');
  return (kibOf('VmHWM') - kibOf('RssFile')) * 1024;
}
