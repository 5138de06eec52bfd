// Keeps pictures of a capture once its record is stored and its answer is on the way: the line waits for neither.
import type { ModalitySpec } from '../bundle/manifest.js';
import type { Inspection, KeepCaptures, Verdict } from '../inspection.js';
import type { ModalityTensor } from '../modality/tensor.js';
import type { ResultStore, Revision } from '../store/store.js';

export interface ImagePolicy {
  readonly captures: KeepCaptures;
  /** The files as they were sent, of the captures that are kept. */
  readonly originals: boolean;
}

/** kept and evicted: in the store. no_room: it or its disk is full. behind: too much waits to be kept. */
export type ImageOutcome = 'kept' | 'evicted' | 'no_room' | 'behind' | 'failed';

export interface ImageKeeperOptions {
  readonly store: Pick<ResultStore, 'keepImages'>;
  readonly limitBytes: number;
  /** Whether the store could take more than records. */
  readonly hasRoom: () => Promise<boolean>;
  readonly thumbnail: (tensor: ModalityTensor, spec: ModalitySpec) => Promise<Uint8Array | undefined>;
  /** Calls back when the answer has left. */
  readonly afterwards: (callBack: () => void) => void;
  readonly onImages: (outcome: ImageOutcome, count: number) => void;
  readonly onFailure: (error: Error) => void;
}

export interface Seen {
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly good: ReadonlyMap<string, ModalityTensor>;
  /** The modality that heat maps are laid over; undefined: nothing was judged. */
  readonly frame: ModalitySpec | undefined;
}

export interface ImageKeeper {
  /** Returns at once, and never throws. */
  keep(inspection: Inspection, seen: Seen, policy: ImagePolicy): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** What may wait to be kept, beside what captures in flight hold: beyond it pictures are left out. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

export function createImageKeeper(options: ImageKeeperOptions): ImageKeeper {
  const { afterwards, onImages, onFailure } = options;
  const underWay = new Set<Promise<void>>();
  let pendingBytes = 0;
  const run = async (revision: Revision, job: Job) => {
    pendingBytes += job.bytes;
    try {
      await new Promise<void>(afterwards);
      await keepOne(revision, job, options);
    } catch (error) {
      onImages('failed', 1);
      onFailure(error as Error);
    } finally {
      pendingBytes -= job.bytes;
    }
  };
  return {
    keep({ inspectionId, revision, verdict }, seen, policy) {
      const job = keepsImages(verdict, policy.captures) ? jobOf(seen, policy) : undefined;
      if (job === undefined) return;
      if (pendingBytes + job.bytes > MAX_PENDING_BYTES) return onImages('behind', 1);
      const running = run({ inspectionId, revision }, job);
      underWay.add(running);
      void running.then(() => underWay.delete(running));
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

export function keepsImages(verdict: Verdict, captures: KeepCaptures): boolean {
  switch (captures) {
    case 'none':
      return false;
    case 'ng':
      return verdict === 'NG';
    case 'review':
      return verdict !== 'OK';
    case 'all':
      return true;
  }
}

interface Job {
  /** To draw the thumbnail from. */
  readonly frame: { readonly tensor: ModalityTensor; readonly spec: ModalitySpec } | undefined;
  readonly originals: Readonly<Record<string, Uint8Array>>;
  /** Held until it is done. */
  readonly bytes: number;
}

/** undefined where there is nothing to keep. */
function jobOf({ parts, good, frame: spec }: Seen, policy: ImagePolicy): Job | undefined {
  const tensor = spec && good.get(spec.name);
  const frame = spec && tensor && { tensor, spec };
  const originals = policy.originals ? Object.fromEntries(parts) : {};
  const files = Object.values(originals);
  if (frame === undefined && files.length === 0) return undefined;
  const bytes = files.reduce((sum, file) => sum + file.length, tensor?.data.byteLength ?? 0);
  return { frame, originals, bytes };
}

async function keepOne(
  revision: Revision,
  { frame, originals }: Job,
  { store, limitBytes, hasRoom, thumbnail, onImages }: ImageKeeperOptions,
): Promise<void> {
  if (!(await hasRoom())) return onImages('no_room', 1);
  const picture = frame && (await thumbnail(frame.tensor, frame.spec));
  if (picture === undefined && Object.keys(originals).length === 0) return;
  const images = { originals, ...(picture && { thumbnail: picture }) };
  const { kept, evicted } = await store.keepImages(revision, images, limitBytes);
  onImages(kept ? 'kept' : 'no_room', 1);
  if (evicted > 0) onImages('evicted', evicted);
}
