// Holds the colour scale to what it promises: ordered, stepped at the threshold, and readable without red and green.
import { describe, expect, it } from '@jest/globals';
import { colormap } from '../../src/heatmap/colormap.js';

type Rgb = [number, number, number];

function colours(threshold: number): Rgb[] {
  const { rgb, steps } = colormap(threshold);
  return Array.from({ length: steps }, (_, i) => Array.from(rgb.subarray(3 * i, 3 * i + 3)) as Rgb);
}

function linear(byte: number): number {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** CIE L*, 0 black … 100 white. */
function lightness([r, g, b]: Rgb): number {
  const luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  return luminance > 0.008856 ? 116 * Math.cbrt(luminance) - 16 : 903.3 * luminance;
}

// Machado, Oliveira and Fernandes (2009), severity 1.0.
const BLINDNESS: Record<string, number[][]> = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function seenWith(matrix: number[][], colour: Rgb): Rgb {
  const light = colour.map(linear);
  return matrix.map((row) => {
    const value = row.reduce((sum, weight, i) => sum + weight * (light[i] ?? 0), 0);
    const clipped = Math.min(Math.max(value, 0), 1);
    return 255 * (clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055);
  }) as Rgb;
}

describe.each([0.2, 0.5, 0.7])('the scale with its threshold at %p', (threshold) => {
  const scale = colours(threshold);
  const first = scale.findIndex((_, i) => i / (scale.length - 1) >= threshold);

  it('only grows lighter', () => {
    for (let i = 1; i < scale.length; i++)
      expect(lightness(scale[i] as Rgb)).toBeGreaterThanOrEqual(lightness(scale[i - 1] as Rgb) - 0.3);
  });

  it('steps at the threshold by far more than anywhere else', () => {
    const step = (i: number) => lightness(scale[i] as Rgb) - lightness(scale[i - 1] as Rgb);
    const others = scale.map((_, i) => (i === 0 || i === first ? 0 : step(i)));
    expect(step(first)).toBeGreaterThan(15);
    expect(step(first)).toBeGreaterThan(8 * Math.max(...others));
  });

  it.each(Object.keys(BLINDNESS))('keeps order and step with %s', (kind) => {
    const seen = scale.map((colour) => lightness(seenWith(BLINDNESS[kind] as number[][], colour)));
    for (let i = 1; i < seen.length; i++)
      expect(seen[i] as number).toBeGreaterThanOrEqual((seen[i - 1] as number) - 0.6);
    expect((seen[first] as number) - (seen[first - 1] as number)).toBeGreaterThan(12);
  });

  it('turns from blue to yellow', () => {
    const [red, , blue] = scale[first - 1] as Rgb;
    const [redAbove, , blueAbove] = scale[first] as Rgb;
    expect(blue).toBeGreaterThan(red);
    expect(blueAbove).toBeLessThan(redAbove);
  });
});

it('has no colour below a threshold of 0', () => {
  expect(colours(0).every(([red, , blue]) => red > blue)).toBe(true);
});
