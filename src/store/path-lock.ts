// One process a store path: a lock file that names its holder, and a crash does not leave behind.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const holderSchema = z.object({
  pid: z.int().positive(),
  /** When the process started, as the kernel counts it; null where there is no /proc to ask. */
  started: z.string().nullable(),
});
type Holder = z.infer<typeof holderSchema>;

export class LockedError extends Error {
  override readonly name = 'LockedError';
}

/** Throws a LockedError of one line, naming path and process, where a living process holds `path`. */
export function assertNotLocked(path: string): void {
  const holder = readHolder(lockFile(path));
  if (holder !== undefined && isAlive(holder))
    throw new LockedError(
      `The result store ${path} is in use by process ${holder.pid}: stop it, or give this one a path of its own.`,
    );
}

/** Takes the lock, over a dead holder's if need be. Two starters must not be between check and write at once. */
export function takeLock(path: string): void {
  assertNotLocked(path);
  writeFileSync(lockFile(path), JSON.stringify(identify(process.pid)));
}

export function releaseLock(path: string): void {
  rmSync(lockFile(path), { force: true });
}

function lockFile(path: string): string {
  return join(path, 'owner.lock');
}

/** undefined where there is no lock, or one cut short by a crash. */
function readHolder(file: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function identify(pid: number): Holder {
  return { pid, started: startTime(pid) };
}

/** A number alone is no proof of life: after a restart it may be another process, in a container even our own. */
function isAlive(holder: Holder): boolean {
  if (!processExists(holder.pid)) return false;
  const started = startTime(holder.pid);
  if (holder.started !== null && started !== null) return holder.started === started;
  return holder.pid !== process.pid;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  // Dead, but not yet waited for by its parent: a signal still reaches its number.
  return statOf(pid)?.[STATE] !== 'Z';
}

/** Boot and clock tick at which a process started; null where the kernel has no /proc or the process is gone. */
function startTime(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const started = statOf(pid)?.[STARTED];
    return started === undefined ? null : `${boot}:${started}`;
  } catch {
    return null;
  }
}

// proc(5): field 3 is the state, field 22 is starttime; the fields after the parenthesised command begin at 3.
const STATE = 3 - 3;
const STARTED = 22 - 3;

function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
