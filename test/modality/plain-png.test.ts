// The quick way through a PNG against libvips' way: the same pixels, and never pixels where libvips refuses.
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import { isDecodedAtOnce, openPlainPng } from '../../src/modality/plain-png.js';
import { fixture } from './fixtures.js';

const PLAIN = ['rgb.png', 'grey8.png', 'depth16.png', 'colour16.png'];
const NOT_PLAIN = [
  'turned-6.png',
  'rgb-interlaced.png',
  'rgb-palette.png',
  'grey8-alpha.png',
  'grey8-1bit.png',
  'depth16-alpha.png',
];

/** The fixtures were written with an eXIf chunk, which may turn a picture; cameras' grabbers write none. */
function readPlain(name: string): Buffer {
  const file = readFileSync(fixture(name));
  const at = file.indexOf('eXIf') - 4;
  return Buffer.concat([file.subarray(0, at), file.subarray(at + 12 + file.readUInt32BE(at))]);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array | Uint16Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

/** The stored samples; undefined where libvips refuses. */
async function byVips(file: Uint8Array): Promise<Buffer | undefined> {
  const picture = sharp(file, { failOn: 'error', ignoreIcc: true });
  try {
    const { space, depth } = await picture.metadata();
    return await picture
      .toColourspace(space)
      .raw({ depth: depth as 'uchar' })
      .toBuffer();
  } catch {
    return undefined;
  }
}

it.each(PLAIN)('reads %s as libvips does', async (name) => {
  const file = readPlain(name);
  const pixels = await openPlainPng(file)?.read();
  expect(pixels && Buffer.compare(bytesOf(pixels), (await byVips(file)) as Buffer)).toBe(0);
});

it.each(NOT_PLAIN)('leaves %s to libvips', (name) => {
  expect(openPlainPng(readFileSync(fixture(name)))).toBeUndefined();
});

it.each([
  [256 * 256, 2, true],
  [512 * 512, 4, true],
  [512 * 512 + 1, 2, false],
  [256 * 256, 5, false],
])('decodes %i pixels on %i cores at once: %s', (pixels, cores, atOnce) => {
  expect(isDecodedAtOnce(pixels, cores)).toBe(atOnce);
});

it('decodes a picture too large to be decoded at once beside the event loop', async () => {
  const file = await sharp({ create: { width: 600, height: 600, channels: 3, background: '#123456' } })
    .png()
    .toBuffer();
  const reading = openPlainPng(file)?.read();
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  expect(await reading).toHaveLength(600 * 600 * 3);
  expect(turned).toBe(true);
});

it('gives no pixels, or those of libvips, whatever bytes are wrong', async () => {
  const files = PLAIN.map(readPlain);
  const damage = fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  const cut = fc.double({ min: 0.3, max: 1, noNaN: true });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), damage, cut, async (file, changes, share) => {
      const broken = Buffer.from(file.subarray(0, Math.ceil(share * file.length)));
      for (const [at, value] of changes) broken[Math.floor(at * broken.length)] = value;
      const pixels = await openPlainPng(broken)?.read();
      if (pixels === undefined) return;
      expect(Buffer.compare(bytesOf(pixels), (await byVips(broken)) ?? Buffer.alloc(0))).toBe(0);
    }),
    { numRuns: 300 },
  );
});
