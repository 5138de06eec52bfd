// How much memory a process and its children hold, as Linux says it.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Memory {
  /** Resident, with files and shared pages. A page shared by two processes counts twice. */
  readonly rssBytes: number;
  /** The part of it that is the process's own: no mapped file, such as a store, is in it. */
  readonly anonymousBytes: number;
}

/** undefined where it cannot be told: the process is gone, or the system is not Linux. */
export async function memoryOf(pid: number): Promise<Memory | undefined> {
  const own = await statusOf(pid);
  if (own === undefined) return undefined;
  const children = await childrenOf(pid);
  const theirs = await Promise.all(children.map(memoryOf));
  return theirs.reduce<Memory>(
    (sum, memory) => ({
      rssBytes: sum.rssBytes + (memory?.rssBytes ?? 0),
      anonymousBytes: sum.anonymousBytes + (memory?.anonymousBytes ?? 0),
    }),
    own,
  );
}

export interface MemorySampler {
  stop(): Promise<readonly Memory[]>;
}

/** Looks every `everyMs` until stopped. */
export function sampleMemory(pid: number, everyMs: number): MemorySampler {
  const samples: Memory[] = [];
  const stopping = new AbortController();
  const sampling = (async () => {
    while (!stopping.signal.aborted) {
      const memory = await memoryOf(pid);
      if (memory !== undefined) samples.push(memory);
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await sampling;
      return samples;
    },
  };
}

async function statusOf(pid: number): Promise<Memory | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const kibibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return { rssBytes: kibibytes('VmRSS') * 1024, anonymousBytes: kibibytes('RssAnon') * 1024 };
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}
