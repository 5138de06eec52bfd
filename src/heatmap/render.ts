// Draws an anomaly map for eyes, and writes it as numbers for programs.
import sharp from 'sharp';
import type { StoredMap } from '../map-codec.js';
import { colormap } from './colormap.js';
import { resampleScores } from './resample.js';

export interface HeatmapOptions {
  /** Score at which a part goes to review: where the colour scale steps. */
  readonly threshold: number;
  /** Size of the picture in pixels. */
  readonly width: number;
  readonly height: number;
  /** An encoded picture of the part to lay the map over. */
  readonly overlay?: Uint8Array;
}

/**
 * How much of the map covers the part: nothing under half the threshold, then a veil that grows; from the threshold
 * on enough to be seen at once while the flaw shines through, with an opaque outline.
 */
const OPACITY_BELOW = 0.35;
const OPACITY_ABOVE = 0.55;

const PNG = { compressionLevel: 1 } as const; // 0.6 ms for 256²; smaller files cost more than they save

/** An 8-bit RGB PNG on the fixed scale 0…1, alone or over the part. Throws where the overlay is not a picture. */
export async function renderHeatmap(map: StoredMap, options: HeatmapOptions): Promise<Buffer> {
  const { width, height, threshold, overlay } = options;
  const scores = resampleScores(map, width, height);
  const pixels = overlay ? await readOverlay(overlay, width, height) : new Uint8Array(scores.length * 3);
  const opacity = overlay ? overlayOpacity(scores, options) : new Float32Array(scores.length).fill(1);
  const { rgb, steps } = colormap(threshold);
  for (let i = 0; i < scores.length; i++) {
    const colour = 3 * colourStep(scores[i] as number, threshold, steps);
    const alpha = opacity[i] as number;
    for (let c = 0; c < 3; c++) {
      const under = pixels[3 * i + c] as number;
      pixels[3 * i + c] = under + ((rgb[colour + c] as number) - under) * alpha + 0.5;
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png(PNG)
    .toBuffer();
}

/** The nearest colour on the score's own side of the step: rounding must not carry it across the threshold. */
function colourStep(score: number, threshold: number, steps: number): number {
  const first = Math.ceil(threshold * (steps - 1));
  const nearest = Math.round(score * (steps - 1));
  return score < threshold ? Math.min(nearest, Math.max(first - 1, 0)) : Math.max(nearest, first);
}

function overlayOpacity(scores: Float32Array, { threshold, width, height }: HeatmapOptions): Float32Array {
  const isAbove = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height || (scores[y * width + x] as number) >= threshold;
  return scores.map((score, i) => {
    if (score < threshold) return OPACITY_BELOW * Math.max(0, 2 * (score / threshold) - 1);
    const x = i % width;
    const y = Math.floor(i / width);
    const inside = isAbove(x - 1, y) && isAbove(x + 1, y) && isAbove(x, y - 1) && isAbove(x, y + 1);
    return inside ? OPACITY_ABOVE : 1;
  });
}

/** The part in greys, so that every colour in the picture is the map's. RGB, 3 bytes a pixel. */
async function readOverlay(overlay: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  const grey = await sharp(overlay).resize(width, height, { fit: 'fill' }).greyscale().raw().toBuffer();
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) pixels.fill(grey[i] as number, 3 * i, 3 * i + 3);
  return pixels;
}

/** A 16-bit grey PNG at the map's own size: 0…65535 for a score of 0…1. */
export async function encodePng16(map: StoredMap): Promise<Buffer> {
  const { width, height } = map;
  return sharp(map.values, { raw: { width, height, channels: 1 } })
    .toColourspace('grey16')
    .png(PNG)
    .toBuffer();
}

/** NumPy's .npy, version 1.0: float32 [h, w], scores 0…1. */
export function encodeNpy(map: StoredMap): Buffer {
  const description = `{'descr': '<f4', 'fortran_order': False, 'shape': (${map.height}, ${map.width}), }`;
  // The format wants the numbers to begin at a multiple of 64; the header ends with a line feed.
  const start = 64 * Math.ceil((10 + description.length + 1) / 64);
  const file = Buffer.alloc(start + 4 * map.values.length, ' ');
  file.write('\x93NUMPY\x01\x00', 0, 'latin1');
  file.writeUInt16LE(start - 10, 8);
  file.write(`${description.padEnd(start - 11)}\n`, 10, 'latin1');
  map.values.forEach((value, i) => {
    file.writeFloatLE(value / 65535, start + 4 * i);
  });
  return file;
}
