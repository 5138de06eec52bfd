// Keeps the inspection; a store that fails costs the record, never the answer to the line.
import type { Inspection } from '../inspection.js';
import type { Artefacts, ResultStore } from '../store/store.js';
import type { Judged } from './judge-answer.js';

export interface KeeperOptions {
  readonly store: Pick<ResultStore, 'save'>;
  /** A store that hangs longer counts as failed: the line waits for its verdict. */
  readonly timeoutMs: number;
  readonly onFailure: (error: Error) => void;
  readonly onSaved: (elapsedMs: number) => void;
}

export interface Keeper {
  /** The inspection as answered: `stored: false` where it could not be saved. Never throws. */
  keep(inspection: Inspection, judged: Judged | undefined): Promise<Inspection>;
}

/** Saves that a store which hangs may owe: each holds its maps until it is settled. */
const MAX_OVERDUE = 64;

export function createKeeper(options: KeeperOptions): Keeper {
  const { store, timeoutMs, onFailure, onSaved } = options;
  const overdue = new Set<Promise<void>>();
  const save = async (inspection: Inspection, artefacts: Artefacts) => {
    const saving = store.save(inspection, artefacts);
    if (await settlesWithin(timeoutMs, saving)) return saving;
    overdue.add(saving);
    const settled = () => overdue.delete(saving);
    saving.then(settled, settled);
    throw new Error(`the store took longer than ${timeoutMs} ms`);
  };
  return {
    async keep(inspection, judged) {
      const startedMs = performance.now();
      try {
        if (overdue.size >= MAX_OVERDUE) throw new Error(`the store still owes ${overdue.size} saves`);
        await save(inspection, { maps: judged?.answer.keptMaps ?? {} });
        onSaved(performance.now() - startedMs);
        return inspection;
      } catch (error) {
        onFailure(error as Error);
        return { ...inspection, stored: false };
      }
    },
  };
}

async function settlesWithin(timeoutMs: number, saving: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const settled = saving.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, expired]);
  } finally {
    clearTimeout(timer);
  }
}
