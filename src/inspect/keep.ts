// Keeps the inspection; a store that fails costs the record, never the answer to the line.
import type { ModalitySpec } from '../bundle/manifest.js';
import type { Inspection } from '../inspection.js';
import type { ModalityTensor } from '../modality/tensor.js';
import type { Artefacts, ResultStore } from '../store/store.js';
import { storedMaps } from './artefacts.js';
import type { Judged } from './judge-answer.js';

export interface KeeperOptions {
  readonly store: Pick<ResultStore, 'save'>;
  /** A store that hangs longer counts as failed: the line waits for its verdict. */
  readonly timeoutMs: number;
  /** Absent where captures are not kept. */
  readonly thumbnail?: (tensor: ModalityTensor, spec: ModalitySpec) => Promise<Uint8Array | undefined>;
  readonly onFailure: (error: Error) => void;
  readonly onSaved: (elapsedMs: number) => void;
}

export interface Keeper {
  /** The inspection as answered: `stored: false` where it could not be saved. Never throws. */
  keep(
    inspection: Inspection,
    judged: Judged | undefined,
    good: ReadonlyMap<string, ModalityTensor>,
  ): Promise<Inspection>;
}

export function createKeeper(options: KeeperOptions): Keeper {
  const { store, timeoutMs, onFailure, onSaved } = options;
  return {
    async keep(inspection, judged, good) {
      const startedMs = performance.now();
      try {
        const artefacts = judged ? await artefactsOf(judged, good, options) : { maps: {} };
        await within(timeoutMs, store.save(inspection, artefacts));
        onSaved(performance.now() - startedMs);
        return inspection;
      } catch (error) {
        onFailure(error as Error);
        return { ...inspection, stored: false };
      }
    },
  };
}

async function artefactsOf(
  { answer, frame }: Judged,
  good: ReadonlyMap<string, ModalityTensor>,
  { thumbnail }: KeeperOptions,
): Promise<Artefacts> {
  const maps = storedMaps(answer);
  const tensor = frame && good.get(frame.name);
  const picture = frame && tensor && (await thumbnail?.(tensor, frame));
  return picture === undefined ? { maps } : { maps, thumbnail: picture };
}

async function within(timeoutMs: number, saving: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the store took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([saving, expired]);
  } finally {
    clearTimeout(timer);
  }
}
