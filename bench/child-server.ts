// Starts a server as a process of its own, waits until it is ready, and stops it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerCommand {
  /** As messages name it: "The service". */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Answers 2xx once the server takes captures. */
  readonly readyUrl: string;
  /** What it writes, log lines and errors. */
  readonly logFile: string;
}

export interface ChildServer {
  readonly pid: number;
  /** From the start of the process to the first ready answer. */
  readonly readyMs: number;
  /** Resolves when the process has ended, however it came to it, with its last words. */
  readonly ended: Promise<string>;
  /** Asks it to end, and waits until it has; ends it and its children the hard way where it does not listen. */
  stop(): Promise<void>;
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>;
}

const READY_WITHIN_MS = 120_000;
const POLL_EVERY_MS = 25;
const STOP_WITHIN_MS = 15_000;

/** Throws an Error with the server's own last words where it does not get ready. */
export async function startServer(settings: ServerCommand): Promise<ChildServer> {
  const log = await open(settings.logFile, 'a');
  const startedMs = performance.now();
  const child = spawn(settings.command, settings.args, {
    stdio: ['ignore', log.fd, log.fd],
    // Its own process group: Ctrl-C reaches it once, through stop(), and not as a second, rude signal.
    detached: true,
    env: settings.env,
    ...(settings.cwd !== undefined && { cwd: settings.cwd }),
  });
  // Listened for before anything is awaited: a command that does not exist says so at once.
  const exited = once(child, 'exit').then(
    () => {},
    (error: Error) => {
      throw new Error(`${settings.what} cannot be started: ${error.message}.`, { cause: error });
    },
  );
  // Reported below; not only then, or a command that does not exist would end this process first.
  exited.catch(() => {});
  await log.close();
  if (child.pid === undefined) {
    await exited;
    throw new Error(`${settings.what} cannot be started.`);
  }
  const ended = exited.then(() => lastWords(settings.logFile));
  const stop = () => end(child, exited, 'SIGTERM');
  try {
    await untilReady(settings, child);
    const readyMs = performance.now() - startedMs;
    return { pid: child.pid, readyMs, ended, stop, kill: () => end(child, exited, 'SIGKILL') };
  } catch (error) {
    await stop();
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

async function untilReady({ what, readyUrl, logFile }: ServerCommand, child: ChildProcess): Promise<void> {
  const giveUpMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < giveUpMs) {
    if (hasEnded(child)) throw new Error(`${what} did not start: ${await lastWords(logFile)}`);
    const ready = await fetch(readyUrl, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    await ready?.body?.cancel();
    if (ready?.ok) return;
    await sleep(POLL_EVERY_MS);
  }
  throw new Error(`${what} was not ready after ${READY_WITHIN_MS / 1000} s: ${await lastWords(logFile)}`);
}

async function end(child: ChildProcess, exited: Promise<void>, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const pid = child.pid ?? 0;
  if (!hasEnded(child)) process.kill(signal === 'SIGKILL' ? -pid : pid, signal);
  const hardEnd = setTimeout(() => killGroup(pid), STOP_WITHIN_MS);
  await exited;
  clearTimeout(hardEnd);
  // A server of several processes may leave some behind.
  killGroup(pid);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left of it.
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function lastWords(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
  return lines.at(-1) || 'it said nothing';
}
