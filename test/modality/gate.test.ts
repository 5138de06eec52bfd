// Holds the quality gate to refusing dead sensors, and nothing but dead sensors.
import { describe, expect, it } from '@jest/globals';
import type { ModalitySpec } from '../../src/bundle/manifest.js';
import { defaultGateLimits, qualityFault } from '../../src/modality/gate.js';
import type { ModalityTensor } from '../../src/modality/tensor.js';

const SIZE = 100;
const common = { name: 'sensor', registeredWith: [] };
const rgb: ModalitySpec = { ...common, kind: 'image', width: SIZE, height: SIZE, channels: 3, bits: 8 };
const depth: ModalitySpec = {
  ...common,
  kind: 'range',
  width: SIZE,
  height: SIZE,
  unit: 'mm',
  encoding: 'uint16',
  scale: 1,
  offset: 0,
  invalid: 0,
};
const sound: ModalitySpec = { ...common, kind: 'audio', sampleRate: 8000, seconds: 1 };

function image(colour: (i: number, channel: number) => number): ModalityTensor {
  const data = Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => colour(Math.floor(i / 3), i % 3));
  return { dtype: 'uint8', shape: [SIZE, SIZE, 3], data };
}

function range(value: (i: number) => number): ModalityTensor {
  const data = Float32Array.from({ length: SIZE * SIZE }, (_, i) => value(i));
  return { dtype: 'float32', shape: [SIZE, SIZE, 1], data };
}

function wave(value: (i: number) => number): ModalityTensor {
  const data = Float32Array.from({ length: 8000 }, (_, i) => value(i));
  return { dtype: 'float32', shape: [8000], data };
}

it('refuses values that no sensor measures, even one among good ones', () => {
  expect(
    reason(
      range((i) => (i === 5000 ? 3.4e38 : 400 + (i % 9))),
      depth,
    ),
  ).toBe('corrupt');
  expect(
    reason(
      wave((i) => (i === 7 ? 3e38 : 0.1 * Math.sin(i))),
      sound,
    ),
  ).toBe('corrupt');
  expect(
    reason(
      range((i) => 1e9 + i),
      depth,
    ),
  ).toBeUndefined();
});

function reason(tensor: ModalityTensor, spec: ModalitySpec): string | undefined {
  return qualityFault(tensor, spec, defaultGateLimits)?.reason;
}

/** A textured part in the first `share` of the picture, `background` elsewhere. */
const part = (share: number, background: number) =>
  image((i) => (i < share * SIZE * SIZE ? 60 + ((i * 37) % 120) : background));

describe('pictures', () => {
  it('lets a part pass before a black or white background that fills 90 or 98 % of the picture', () => {
    for (const background of [0, 255])
      for (const share of [1, 0.1, 0.02]) expect(reason(part(share, background), rgb)).toBeUndefined();
  });

  it('refuses a covered lens: one tone with a little noise, in colour too', () => {
    expect(
      reason(
        image((i) => 18 + (i % 3)),
        rgb,
      ),
    ).toBe('blank');
    expect(
      reason(
        image((_, channel) => [200, 40, 10][channel] ?? 0),
        rgb,
      ),
    ).toBe('blank');
  });

  it('lets a picture pass that varies in one channel only', () => {
    expect(
      reason(
        image((i, channel) => (channel === 2 ? i % 200 : 128)),
        rgb,
      ),
    ).toBeUndefined();
  });

  it('refuses an overexposed and a dead camera', () => {
    expect(
      reason(
        image(() => 255),
        rgb,
      ),
    ).toBe('saturated');
    expect(
      reason(
        image(() => 0),
        rgb,
      ),
    ).toBe('saturated');
    expect(
      reason(
        image((i) => (i % 250 === 0 ? 200 : 255)),
        rgb,
      ),
    ).toBe('saturated');
  });

  it('does not take pure red for saturation', () => {
    expect(
      reason(
        image((i, channel) => (channel === 0 ? (i % 2) * 255 : 0)),
        rgb,
      ),
    ).toBeUndefined();
  });
});

describe('range maps', () => {
  it('refuses one without measurements, or with next to none', () => {
    expect(
      reason(
        range(() => Number.NaN),
        depth,
      ),
    ).toBe('no_valid_pixels');
    expect(
      reason(
        range((i) => (i < 100 ? i : Number.NaN)),
        depth,
      ),
    ).toBe('no_valid_pixels');
  });

  it('lets a part pass whose background is not measured', () => {
    expect(
      reason(
        range((i) => (i < 500 ? 400 + i * 1e-3 : Number.NaN)),
        depth,
      ),
    ).toBeUndefined();
  });

  it('refuses a stuck sensor, whatever the value, and lets the slightest relief pass', () => {
    expect(
      reason(
        range((i) => (i % 7 === 0 ? Number.NaN : 1234.567)),
        depth,
      ),
    ).toBe('blank');
    expect(
      reason(
        range((i) => 5000 + (i % 2) * 0.01),
        depth,
      ),
    ).toBeUndefined();
  });
});

describe('sound', () => {
  it('refuses silence, also with a direct offset', () => {
    expect(
      reason(
        wave(() => 0),
        sound,
      ),
    ).toBe('silent');
    expect(
      reason(
        wave((i) => 0.3 + 3e-5 * Math.sign((i % 2) - 0.5)),
        sound,
      ),
    ).toBe('silent');
  });

  it('lets a quiet tap pass', () => {
    expect(
      reason(
        wave((i) => 0.05 * Math.exp(-i / 200) * Math.sin(i)),
        sound,
      ),
    ).toBeUndefined();
  });

  it('refuses a signal at full scale, and lets a few peaks pass', () => {
    expect(
      reason(
        wave((i) => Math.max(-1, Math.min(1, 9 * Math.sin(i / 20)))),
        sound,
      ),
    ).toBe('clipped');
    expect(
      reason(
        wave(() => 1),
        sound,
      ),
    ).toBe('clipped');
    expect(
      reason(
        wave((i) => (i % 50 === 0 ? 1 : 0.2 * Math.sin(i))),
        sound,
      ),
    ).toBeUndefined();
  });
});

it('says what was measured, what is right and where to look', () => {
  const fault = qualityFault(
    range(() => Number.NaN),
    depth,
    defaultGateLimits,
  );
  expect(fault?.detail).toBe(
    "0.0 % of the pixels were measured, at least 2.0 % is right: check the sensor's distance and exposure",
  );
});

it('follows the limits it is given', () => {
  const tensor = part(0.02, 0);
  expect(qualityFault(tensor, rgb, { ...defaultGateLimits, imageMaxSaturated: 0.9 })?.reason).toBe(
    'saturated',
  );
  expect(qualityFault(tensor, rgb, { ...defaultGateLimits, imageMinStd: 100 })?.reason).toBe('blank');
});
