// Enlarges an anomaly map to the size of a picture, smoothly, so that its grid does not pose as detail.
import type { StoredMap } from '../map-codec.js';

const FULL_SCALE = 65535;

/** Scores 0…1, row-major (height, width), bilinear between the centres of the map's cells. */
export function resampleScores(map: StoredMap, width: number, height: number): Float32Array {
  const columns = taps(map.width, width);
  const rows = taps(map.height, height);
  const scores = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const { left: top, right: bottom, share: down } = rows[y] as Tap;
    for (let x = 0; x < width; x++) {
      const { left, right, share } = columns[x] as Tap;
      const above = mix(map.values, top * map.width + left, top * map.width + right, share);
      const below = mix(map.values, bottom * map.width + left, bottom * map.width + right, share);
      scores[y * width + x] = (above + (below - above) * down) / FULL_SCALE;
    }
  }
  return scores;
}

interface Tap {
  readonly left: number;
  readonly right: number;
  readonly share: number;
}

function taps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, i) => {
    const centre = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const left = Math.floor(centre);
    return { left, right: Math.min(left + 1, from - 1), share: centre - left };
  });
}

function mix(values: Uint16Array, left: number, right: number, share: number): number {
  const start = values[left] as number;
  return start + ((values[right] as number) - start) * share;
}
