// The quick look at a JPEG's header against libvips': it says the same, or leaves the picture to libvips.
import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { openPicture } from '../../src/modality/picture.js';
import { readPlainJpeg } from '../../src/modality/plain-jpeg.js';

const WIDTH = 37;
const HEIGHT = 21;

/** No two pixels alike, so that nothing is turned or mixed up unseen. */
function picture(channels: 1 | 3): Sharp {
  const pixels = Buffer.from(
    Array.from({ length: WIDTH * HEIGHT * channels }, (_, i) => (i * 7 + (i % 5)) % 256),
  );
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels } });
}

const rgb = () => picture(3);
const PLAIN: readonly (readonly [string, () => Promise<Buffer>])[] = [
  ['grey', () => picture(1).toColourspace('b-w').jpeg().toBuffer()],
  ['colour', () => rgb().jpeg({ quality: 90 }).toBuffer()],
  ['full chroma', () => rgb().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer()],
  ['progressive', () => rgb().jpeg({ progressive: true }).toBuffer()],
  ['with a profile', () => rgb().withIccProfile('srgb').jpeg().toBuffer()],
];
const NOT_PLAIN: readonly (readonly [string, () => Promise<Buffer>])[] = [
  ['turned', () => rgb().withMetadata({ orientation: 6 }).jpeg().toBuffer()],
  [
    'with EXIF',
    () =>
      rgb()
        .withExif({ IFD0: { Copyright: 'plant 4' } })
        .jpeg()
        .toBuffer(),
  ],
  ['CMYK', () => rgb().toColourspace('cmyk').jpeg().toBuffer()],
];

let plain: Buffer[];
beforeAll(async () => {
  plain = await Promise.all(PLAIN.map(([, write]) => write()));
});

interface Opened {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly pixels: Buffer;
}

/** As `openPicture` has it of libvips alone; undefined where libvips refuses. */
async function byVips(file: Uint8Array): Promise<Opened | undefined> {
  const image = sharp(file, { failOn: 'error', ignoreIcc: true, autoOrient: true });
  try {
    const { space, channels, autoOrient } = await image.metadata();
    const pixels = await image.toColourspace(space).raw({ depth: 'uchar' }).toBuffer();
    return { ...autoOrient, channels, pixels };
  } catch {
    return undefined;
  }
}

async function opened(file: Uint8Array): Promise<Opened | undefined> {
  try {
    const { width, height, channels, read } = await openPicture(file);
    const { buffer, byteOffset, byteLength } = await read();
    return { width, height, channels, pixels: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength) };
  } catch {
    return undefined;
  }
}

it.each(PLAIN)('reads the header of a JPEG: %s', async (_, write) => {
  const file = await write();
  const { width, height, channels } = (await byVips(file)) as Opened;
  expect(readPlainJpeg(file)).toEqual({ width, height, channels });
});

it.each(PLAIN)('opens it as libvips does: %s', async (_, write) => {
  const file = await write();
  expect(await opened(file)).toEqual(await byVips(file));
});

it.each(NOT_PLAIN)('leaves to libvips a JPEG that is %s', async (_, write) => {
  const file = await write();
  expect(readPlainJpeg(file)).toBeUndefined();
});

it('sees no header where the file ends before the picture begins', () => {
  for (const file of plain) {
    const scan = file.indexOf(Buffer.from([0xff, 0xda]));
    for (let length = 0; length <= scan; length++)
      expect(readPlainJpeg(file.subarray(0, length))).toBeUndefined();
  }
});

it('takes no frame of other bits, colours or sizes than it knows, and no second one', () => {
  for (const file of plain) {
    const sof = file.findIndex((byte, at) => byte === 0xff && [0xc0, 0xc2].includes(file[at + 1] ?? 0));
    const changed = (at: number, ...values: number[]) => {
      const copy = Buffer.from(file);
      copy.set(values, sof + at);
      return copy;
    };
    expect(readPlainJpeg(changed(4, 12))).toBeUndefined();
    expect(readPlainJpeg(changed(5, 0, 0))).toBeUndefined();
    expect(readPlainJpeg(changed(7, 0, 0))).toBeUndefined();
    expect(readPlainJpeg(changed(9, 4))).toBeUndefined();
    const end = sof + 2 + file.readUInt16BE(sof + 2);
    const twice = Buffer.concat([file.subarray(0, end), file.subarray(sof)]);
    expect(readPlainJpeg(twice)).toBeUndefined();
  }
});

it('judges whatever bytes are wrong as libvips does', async () => {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const damage = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 3 });
  const cut = fc.double({ min: 0.3, max: 1, noNaN: true });
  await fc.assert(
    fc.asyncProperty(fc.nat(PLAIN.length - 1), damage, cut, async (which, changes, share) => {
      const file = plain[which] as Buffer;
      const broken = Buffer.from(file.subarray(0, Math.ceil(share * file.length)));
      for (const [at, value] of changes) broken[Math.floor(at * broken.length)] = value;
      if (readPlainJpeg(broken) === undefined) return;
      expect(await opened(broken)).toEqual(await byVips(broken));
    }),
    { numRuns: 300 },
  );
});
