// The colour scale of every heat map: fixed from 0 to 1, with a visible step at the review threshold.

/**
 * Below the threshold cool greys that stay in the background, from it on ambers that grow brighter: 0 is always the
 * darkest, 1 always the brightest, and lightness only grows. Blue against yellow is the pair that red-green-blind
 * eyes keep, and the step is one of lightness too, so that it survives a grey print. Points are our own.
 */
const BELOW = ['#10161f', '#2c3a4c', '#5b6c80'] as const;
const ABOVE = ['#e08a00', '#ffc533', '#fff6cf'] as const;

const STEPS = 256;

/** sRGB of any score in 0…1, for one threshold. */
export interface Colormap {
  /** 3 bytes a step: the colour of score i / (steps - 1). */
  readonly rgb: Uint8Array;
  readonly steps: number;
}

/** The scale whose step lies at `threshold` (0…1): scores equal to it are already "above". */
export function colormap(threshold: number): Colormap {
  const rgb = new Uint8Array(STEPS * 3);
  for (let step = 0; step < STEPS; step++) {
    const score = step / (STEPS - 1);
    const colour =
      score < threshold
        ? along(BELOW, score / threshold)
        : along(ABOVE, threshold < 1 ? (score - threshold) / (1 - threshold) : 1);
    rgb.set(colour, step * 3);
  }
  return { rgb, steps: STEPS };
}

type Lab = readonly [lightness: number, a: number, b: number];

function along(points: readonly string[], position: number): number[] {
  const scaled = Math.min(Math.max(position, 0), 1) * (points.length - 1);
  const left = Math.min(Math.floor(scaled), points.length - 2);
  const share = scaled - left;
  const from = toOklab(points[left] as string);
  const to = toOklab(points[left + 1] as string);
  return fromOklab(from.map((value, i) => value + ((to[i] as number) - value) * share) as unknown as Lab);
}

// Oklab: B. Ottosson, "A perceptual color space for image processing" (2020); equal steps look equal in it.

function toOklab(hex: string): Lab {
  const [r, g, b] = [1, 3, 5].map((at) => linear(Number.parseInt(hex.slice(at, at + 2), 16))) as [
    number,
    number,
    number,
  ];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab([lightness, a, b]: Lab): number[] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encoded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encoded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encoded(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** sRGB byte → linear light, IEC 61966-2-1. */
function linear(byte: number): number {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function encoded(light: number): number {
  const value = light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(Math.max(value, 0), 1));
}
