// Kills something every few seconds, in turn, until told to stop.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MortalService } from './mortal-service.js';

export interface Chaos {
  /** Resolves when nothing is being killed or started any more. Threads are counted as the service counts them. */
  stop(): Promise<{ readonly crashedThreads: number; readonly killedServices: number }>;
}

/** A thread, a thread, the service, and so on. */
export function startChaos(service: MortalService, everyMs: number): Chaos {
  const stopping = new AbortController();
  let crashedThreads = 0;
  let killedServices = 0;
  const killing = (async () => {
    for (let turn = 1; ; turn++) {
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      if (turn % 3 !== 0) {
        service.crashThread();
      } else {
        crashedThreads += await service.lostThreads();
        await service.killAndRestart();
        killedServices++;
      }
    }
  })();
  // Whoever stops hears of it; until then it must not end this process.
  killing.catch(() => {});
  return {
    stop: async () => {
      stopping.abort();
      await killing;
      return { crashedThreads: crashedThreads + (await service.lostThreads()), killedServices };
    },
  };
}
