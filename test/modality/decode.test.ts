// Holds the service's decoder to the trainer's, pixel by pixel, on the fixtures both test suites read.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { ModalitySpec } from '../../src/bundle/manifest.js';
import { decodePart } from '../../src/modality/decode.js';
import type { DecodeError } from '../../src/modality/decode-error.js';
import { fixture, readExpected } from './fixtures.js';

interface Case {
  readonly name: string;
  readonly file: string;
  readonly spec: ModalitySpec;
  readonly calibration?: { scale?: number; offset?: number };
  readonly keepBytes?: number;
  readonly expected?: string;
  readonly reason?: string;
}

const cases = JSON.parse(readFileSync(fixture('cases.json'), 'utf8')) as Case[];

/** Memory for every picture. */
const unlimited = () => () => {};

function decode({ file, spec, keepBytes, calibration }: Case) {
  return decodePart(readFileSync(fixture(file)).subarray(0, keepBytes), spec, calibration ?? {}, unlimited);
}

describe('the golden pixels', () => {
  for (const entry of cases) {
    const { expected } = entry;
    if (expected === undefined) continue;
    it(entry.name, async () => {
      const tensor = await decode(entry);
      const wanted = readExpected(expected);
      expect([tensor.dtype, tensor.shape]).toEqual([wanted.dtype, wanted.shape]);
      expect(Array.from(tensor.data)).toEqual(wanted.values);
    });
  }
});

describe('the golden refusals', () => {
  for (const entry of cases) {
    if (entry.reason === undefined) continue;
    it(`${entry.reason}: ${entry.name}`, async () => {
      const refusal = await decode(entry).then(
        () => undefined,
        (error: DecodeError) => error,
      );
      expect(refusal?.name).toBe('DecodeError');
      expect(refusal?.reason).toBe(entry.reason);
      expect(refusal?.message).toMatch(/^[^\n]{10,200}$/);
    });
  }
});

describe('what is decoded', () => {
  const good = cases.filter(({ expected }) => expected);

  it('holds nothing but its samples, so that nothing else is cloned to a worker', async () => {
    for (const entry of good) {
      const { data } = await decode(entry);
      expect(data.buffer.byteLength).toBe(data.byteLength);
    }
  });

  it('does not depend on where the bytes lie in a bigger buffer', async () => {
    for (const entry of good) {
      const file = readFileSync(fixture(entry.file));
      const shifted = Buffer.concat([Buffer.alloc(13), file, Buffer.alloc(5)]).subarray(13, 13 + file.length);
      const tensor = await decodePart(shifted, entry.spec, entry.calibration ?? {}, unlimited);
      expect(Array.from(tensor.data)).toEqual(readExpected(entry.expected as string).values);
    }
  });

  it('asks for room for the pixels at their own size, and gives it up once they are a tensor', async () => {
    for (const entry of good.filter(({ spec }) => spec.kind !== 'audio')) {
      const asked: number[] = [];
      let open = 0;
      const file = readFileSync(fixture(entry.file)).subarray(0, entry.keepBytes);
      const { data } = await decodePart(file, entry.spec, entry.calibration ?? {}, (bytes) => {
        asked.push(bytes);
        open++;
        return () => open--;
      });
      expect(open).toBe(0);
      expect(asked).toHaveLength(1);
      // Fixtures may be smaller than their spec, in pixels of one byte instead of four.
      expect(asked[0]).toBeGreaterThan(data.length / 8);
    }
  });

  it('does not decode what there is no room for, and passes on why', async () => {
    const [entry] = good.filter(({ spec }) => spec.kind === 'image');
    if (entry === undefined) throw new Error('no fixture is an image');
    const full = new Error('full');
    const decoding = decodePart(readFileSync(fixture(entry.file)), entry.spec, {}, () => {
      throw full;
    });
    await expect(decoding).rejects.toBe(full);
  });

  it('is right when many are decoded at once', async () => {
    const tensors = await Promise.all([...good, ...good].map(decode));
    tensors.forEach((tensor, i) => {
      const wanted = readExpected(good[i % good.length]?.expected as string);
      expect(Array.from(tensor.data)).toEqual(wanted.values);
    });
  });
});
