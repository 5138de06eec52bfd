import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ModalitySpec } from '../../src/bundle/manifest.js';
import { type Calibration, type Decoder, decodeParts } from '../../src/inspect/decode-parts.js';
import type { CaptureMetadata } from '../../src/inspection.js';
import { DecodeError } from '../../src/modality/decode-error.js';
import type { DropReason } from '../../src/modality/tensor.js';
import { openTinyBundle } from '../support/tiny-bundle.js';

let specs: readonly ModalitySpec[];
beforeAll(async () => {
  specs = (await openTinyBundle()).manifest.modalities;
});

/** Memory for every picture. */
const unlimited = () => () => {};

const GATED: readonly string[] = ['blank', 'saturated', 'no_valid_pixels', 'silent', 'clipped'];

/** Parts whose text is their fate: "good", or the reason they are dropped for. */
function decoder(calibrations: Record<string, Calibration> = {}): Decoder {
  return {
    decode: async (bytes, spec, calibration = {}) => {
      calibrations[spec.name] = calibration;
      const fate = Buffer.from(bytes).toString();
      if (fate !== 'good' && !GATED.includes(fate))
        throw new DecodeError(fate as DropReason, `it is ${fate}`);
      return { dtype: 'uint8', shape: [bytes.length], data: new Uint8Array(bytes) };
    },
    fault: ({ data }) => {
      const fate = Buffer.from(data).toString();
      return fate === 'good' ? undefined : { reason: fate as DropReason, detail: `it is ${fate}` };
    },
  };
}

const decode = (fates: Record<string, string>, required: string[] = [], metadata: CaptureMetadata = {}) => {
  const parts = new Map(Object.entries(fates).map(([name, fate]) => [name, Buffer.from(fate)]));
  return decodeParts(parts, specs, metadata, required, decoder(), unlimited);
};

describe('decodeParts', () => {
  it('sorts parts into good, dropped and missing', async () => {
    const { good, dropped, missing } = await decode({ rgb: 'good', depth: 'blank' });
    expect([...good.keys()]).toEqual(['rgb']);
    expect(dropped).toEqual([{ name: 'depth', reason: 'blank', detail: 'it is blank' }]);
    expect(missing).toEqual(['acoustic']);
  });

  it.each([
    ['empty', 'PART_EMPTY', 400],
    ['unsupported_format', 'PART_UNSUPPORTED', 415],
    ['corrupt', 'PART_CORRUPT', 422],
    ['too_large', 'PART_TOO_LARGE', 413],
    ['wrong_bit_depth', 'PART_WRONG_KIND', 422],
    ['wrong_channels', 'PART_WRONG_KIND', 422],
    ['wrong_sample_rate', 'PART_WRONG_KIND', 422],
    ['too_short', 'PART_WRONG_KIND', 422],
  ])('drops a part that is %s beside a good one, refuses it alone', async (reason, code, status) => {
    expect((await decode({ rgb: 'good', depth: reason })).dropped).toMatchObject([{ name: 'depth', reason }]);
    await expect(decode({ depth: reason })).rejects.toMatchObject({
      code,
      status,
      part: 'depth',
      message: `Part "depth" cannot be used: it is ${reason}.`,
    });
  });

  it.each([...GATED, 'wrong_aspect'])('never refuses a part that is %s', async (reason) => {
    const { good, dropped } = await decode({ depth: reason });
    expect([good.size, dropped]).toEqual([0, [{ name: 'depth', reason, detail: `it is ${reason}` }]]);
  });

  it('refuses a broken part where the only other one says nothing', async () => {
    await expect(decode({ depth: 'corrupt', rgb: 'blank' })).rejects.toMatchObject({ part: 'depth' });
  });

  it('refuses a broken part that the recipe requires, also beside a good one', async () => {
    await expect(decode({ depth: 'corrupt', rgb: 'good' }, ['depth'])).rejects.toMatchObject({
      code: 'PART_CORRUPT',
      part: 'depth',
    });
    await expect(decode({ depth: 'corrupt', rgb: 'good' }, ['rgb'])).resolves.toBeDefined();
  });

  it('does not hide a fault of ours as a dropped part', async () => {
    const broken: Decoder = { ...decoder(), decode: () => Promise.reject(new TypeError('bug')) };
    await expect(
      decodeParts(new Map([['rgb', Buffer.from('x')]]), specs, {}, [], broken, unlimited),
    ).rejects.toThrow(TypeError);
  });

  it('names the part whose pixels have no room, once nothing is being decoded any more', async () => {
    const settled: string[] = [];
    const slow: Decoder = {
      ...decoder(),
      decode: async (bytes, spec, _calibration, reserve) => {
        const giveBack = reserve(bytes.length);
        await new Promise((resolve) => setImmediate(resolve));
        giveBack();
        settled.push(spec.name);
        return { dtype: 'uint8', shape: [bytes.length], data: new Uint8Array(bytes) };
      },
    };
    const parts = new Map(['rgb', 'depth'].map((name) => [name, Buffer.from('good')]));
    const reserve = (bytes: number, part: string) => {
      if (part === 'depth') throw new Error(`no room for ${bytes} of ${part}`);
      return () => {};
    };
    const decoding = decodeParts(parts, specs, {}, [], slow, reserve);
    await expect(decoding).rejects.toThrow('no room for 4 of depth');
    expect(settled).toEqual(['rgb']);
  });

  it('hands each modality its own calibration; gain is the thermal word for scale', async () => {
    const calibrations: Record<string, Calibration> = {};
    const parts = new Map([
      ['rgb', Buffer.from('good')],
      ['depth', Buffer.from('good')],
      ['acoustic', Buffer.from('good')],
    ]);
    const metadata = { modalities: { depth: { scale: 0.5, offset: 2 }, rgb: { gain: 3 } } };
    await decodeParts(parts, specs, metadata, [], decoder(calibrations), unlimited);
    expect(calibrations).toEqual({ depth: { scale: 0.5, offset: 2 }, rgb: { scale: 3 }, acoustic: {} });
  });
});
