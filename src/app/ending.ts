// How the service ends: one signal begins it, a second one hurries it, and it never takes longer than it was given.
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from './inference.js';

/** What ends, in the order it is called. */
export interface Ends {
  /** Not ready any more, so that load balancers go elsewhere; captures are still taken. */
  leave(): void;
  /** No more captures; those under way are answered; then every room is closed. */
  close(): Promise<void>;
  /** What still waits is refused instead of judged. May come at any time. */
  hurry(): void;
  /** Threads in the middle of a run. */
  busyThreads(): number;
}

export interface EndingOptions {
  readonly delayMs: number;
  readonly graceMs: number;
  readonly log: Log;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** At the end of the grace what still waits is refused, so that it is answered at all: the slowest body takes 2 s. */
const LAST_MS = 3000;

/** Ends the process by itself, with code 0 where all went well; called once, when the service listens. */
export function endOnSignal(service: Ends, { delayMs, graceMs, log }: EndingOptions): void {
  const hurried = new AbortController();
  let ending = false;
  const hurry = () => {
    hurried.abort();
    service.hurry();
  };
  const end = async (exitCode: number) => {
    ending = true;
    service.leave();
    // Aborted, it throws: then nobody waits any longer.
    if (exitCode === 0) await pause(delayMs, undefined, { signal: hurried.signal }).catch(() => {});
    setTimeout(hurry, Math.max(graceMs / 2, graceMs - LAST_MS));
    setTimeout(() => {
      log.error({ graceMs }, 'not everything could be closed within the grace');
      leave(service, 1);
    }, graceMs);
    try {
      await service.close();
      leave(service, exitCode);
    } catch (error) {
      log.error({ err: error }, 'the service broke while it was closing');
      leave(service, 1);
    }
  };
  for (const signal of SIGNALS)
    process.on(signal, () => {
      log.info(
        { signal },
        ending ? 'hurrying: what waits is refused' : 'closing: captures are answered first',
      );
      if (ending) hurry();
      else void end(0);
    });
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      log.error({ err: error }, 'the service broke and is closing');
      if (!ending) void end(1);
    });
}

/** process.exit() with a thread in a run aborts the process, with a core dump (measured). */
function leave(service: Ends, exitCode: number): void {
  if (service.busyThreads() > 0) process.kill(process.pid, 'SIGKILL');
  process.exit(exitCode);
}
