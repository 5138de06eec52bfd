// The map → regions worth looking at: connected pixels at or above the review threshold.

/** Row-major, 0…1 on the scale of the score. */
export interface ScoreMap {
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array; // (h, w)
}

export interface Region {
  /** x, y, width, height in pixels of the frame. */
  readonly bbox: [number, number, number, number];
  readonly areaPx: number;
  readonly peak: number;
  readonly mean: number;
}

/** More than a technician looks at; a map full of specks must not swell the answer. */
const MAX_REGIONS = 16;

/** The strongest regions first; 4-neighbours belong together. `frame` is the size the boxes are given in. */
export function findRegions(
  map: ScoreMap,
  threshold: number,
  frame: { readonly width: number; readonly height: number },
): Region[] {
  const seen = new Uint8Array(map.values.length);
  const regions: Region[] = [];
  for (let start = 0; start < map.values.length; start++)
    if (!seen[start] && isHot(map, start, threshold))
      regions.push(toFrame(grow(map, start, threshold, seen), map, frame));
  return regions.sort((a, b) => b.peak - a.peak || b.areaPx - a.areaPx).slice(0, MAX_REGIONS);
}

interface Blob {
  left: number;
  top: number;
  right: number;
  bottom: number;
  count: number;
  sum: number;
  peak: number;
}

/** Flood fill from `start` with an own stack: a recursive one overflows on a map that is hot all over. */
function grow(map: ScoreMap, start: number, threshold: number, seen: Uint8Array): Blob {
  const { width } = map;
  const blob: Blob = { left: width, top: map.height, right: 0, bottom: 0, count: 0, sum: 0, peak: 0 };
  const stack = [start];
  seen[start] = 1;
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    const x = index % width;
    const y = (index - x) / width;
    include(blob, x, y, Math.min(1, map.values[index] ?? 0));
    const neighbours = [
      x > 0 ? index - 1 : -1,
      x < width - 1 ? index + 1 : -1,
      index - width,
      index + width, // past the last row: undefined, so not hot
    ];
    for (const next of neighbours)
      if (next >= 0 && !seen[next] && isHot(map, next, threshold)) {
        seen[next] = 1;
        stack.push(next);
      }
  }
  return blob;
}

function isHot(map: ScoreMap, index: number, threshold: number): boolean {
  return (map.values[index] ?? Number.NEGATIVE_INFINITY) >= threshold;
}

function include(blob: Blob, x: number, y: number, value: number): void {
  blob.left = Math.min(blob.left, x);
  blob.top = Math.min(blob.top, y);
  blob.right = Math.max(blob.right, x);
  blob.bottom = Math.max(blob.bottom, y);
  blob.count++;
  blob.sum += value;
  blob.peak = Math.max(blob.peak, value);
}

/** The map may be coarser than the frame: boxes and areas are scaled up to its pixels. */
function toFrame(blob: Blob, map: ScoreMap, frame: { width: number; height: number }): Region {
  const scaleX = frame.width / map.width;
  const scaleY = frame.height / map.height;
  return {
    bbox: [
      Math.round(blob.left * scaleX),
      Math.round(blob.top * scaleY),
      Math.round((blob.right - blob.left + 1) * scaleX),
      Math.round((blob.bottom - blob.top + 1) * scaleY),
    ],
    areaPx: Math.round(blob.count * scaleX * scaleY),
    peak: blob.peak,
    mean: blob.sum / blob.count,
  };
}
