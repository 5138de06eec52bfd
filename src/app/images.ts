// Wires what keeps pictures of captures: after the answer, within the quota, and never where records need the room.
import type { Config } from '../config.js';
import { thumbnail } from '../heatmap/thumbnail.js';
import { createImageKeeper, type ImageKeeper } from '../inspect/keep-images.js';
import type { Metrics } from '../metrics/metrics.js';
import { isTight } from '../store/retention.js';
import type { ResultStore } from '../store/store.js';
import type { Log } from './inference.js';

/** To ask the store and its disk takes a quarter of a millisecond of the main thread, and neither fills in a second. */
const ROOM_EVERY_MS = 1000;

export function openImages(
  { keepCapturesBytes, retain }: Config,
  store: ResultStore,
  metrics: Pick<Metrics, 'captureImages' | 'captureImagesLimit'>,
  log: Log,
): ImageKeeper {
  metrics.captureImagesLimit(keepCapturesBytes);
  return createImageKeeper({
    store,
    limitBytes: keepCapturesBytes,
    hasRoom: notMoreOftenThan(ROOM_EVERY_MS, async () => !isTight(await store.usage(), retain)),
    thumbnail,
    afterwards: setImmediate,
    onImages: metrics.captureImages,
    onFailure: (error) => log.error({ err: error }, 'the pictures of a capture could not be kept'),
  });
}

/** `ask` as it answered last, for so long. */
function notMoreOftenThan<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let askedMs = 0;
  return () => {
    const nowMs = performance.now();
    if (answer === undefined || nowMs - askedMs >= ms) {
      askedMs = nowMs;
      answer = ask();
    }
    return answer;
  };
}
