// Pictures and sounds that are broken, lie about themselves, or hold nothing a sensor measures.
import { readdirSync, readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, it } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import { npyFile } from '../support/files.js';
import { bombPng, pngOf } from '../support/pictures.js';
import { multipartBody } from '../support/socket.js';
import { fixturesDir, type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';
import { damaged, post, type Request } from './requests.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let good: GoldenCapture;
let files: readonly Buffer[];
beforeAll(async () => {
  target = await startTarget();
  good = await goldenCapture(1);
  const folder = `${fixturesDir}decoding/`;
  const fixtures = readdirSync(folder).filter((file) => /\.(png|jpg|tif|npy|wav)$/.test(file));
  files = [...fixtures.map((file) => readFileSync(folder + file)), ...Object.values(good.parts)];
});
afterAll(() => target.stop());

const MODALITIES = ['rgb', 'depth', 'acoustic'] as const;
const modality = fc.constantFrom(...MODALITIES);

/** Alone, or beside parts that are good. */
const capture = (file: fc.Arbitrary<Buffer>): fc.Arbitrary<Request> =>
  fc
    .record({ file, name: modality, alone: fc.boolean() })
    .map(({ file: bytes, name, alone }) =>
      alone
        ? post('image/png', bytes, 'length', `?modality=${name}`)
        : post(
            'multipart/form-data; boundary=b',
            multipartBody('b', Object.entries({ ...good.parts, [name]: bytes })),
          ),
    );

it('is answered, whatever is wrong with a file', async () => {
  const file = fc.nat(1000).chain((which) => damaged(files[which % files.length] ?? Buffer.alloc(0)));
  await target.fuzz(capture(file), 60);
  await target.expectUnharmed();
});

it('is answered for a file with more than one thing wrong', async () => {
  const file = fc
    .nat(1000)
    .chain((which) => damaged(files[which % files.length] ?? Buffer.alloc(0)))
    .chain(damaged)
    .chain(damaged);
  await target.fuzz(capture(file), 40);
  await target.expectUnharmed();
});

const float = fc.constantFrom(...[Number.NaN, Infinity, -Infinity, -0, 1e-45, 3.4e38, -1e12, 1e12, 0.5]);

it('is answered for maps of NaN, infinities and numbers at the ends of the scale', async () => {
  const values = fc
    .record({ fill: float, some: fc.array(fc.tuple(fc.nat(4095), float), { maxLength: 40 }) })
    .map(({ fill, some }) => {
      const map = new Float32Array(64 * 64).fill(fill);
      for (const [at, value] of some) map[at] = value;
      return map;
    });
  const tiffs = await Promise.all(
    [Number.NaN, Infinity, 3.4e38].map((fill) =>
      sharp(new Float32Array(64 * 64).fill(fill), { raw: { width: 64, height: 64, channels: 1 } })
        .toColourspace('b-w')
        .tiff({ compression: 'none' })
        .toBuffer(),
    ),
  );
  const file = fc.oneof(
    values.map((map) => npyFile('<f4', [64, 64], map)),
    fc.constantFrom(...tiffs),
  );
  await target.fuzz(capture(file), 60);
  await target.expectUnharmed();
});

it('is answered for NPY files whose headers lie', async () => {
  const size = fc.constantFrom(
    '0',
    '1',
    '64',
    '-1',
    '8000',
    '4294967296',
    '99999999999999999999999',
    '',
    '6 4',
  );
  const file = fc
    .record({
      descr: fc.constantFrom("'<f4'", "'|u1'", "'<u2'", "'>f4'", "'<f8'", "'O'", "[('a', '<f4')]", ''),
      fortran: fc.constantFrom('False', 'True', '0'),
      shape: fc.array(size, { maxLength: 5 }),
      claimed: fc.constantFrom(undefined, 0, 1, 4096, 65535),
      version: fc.constantFrom(1, 2, 3, 0, 255),
      bytes: fc.constantFrom(0, 1, 4096, 16384, 16385),
    })
    .map(({ descr, fortran, shape, claimed, version, bytes }) => {
      const header = `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': (${shape.join(', ')},), }\n`;
      const start = Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0\0\0`, 'latin1');
      start.writeUInt16LE(claimed ?? header.length, 8);
      return Buffer.concat([start, Buffer.from(header), Buffer.alloc(bytes)]);
    });
  await target.fuzz(capture(file), 40);
  await target.expectUnharmed();
});

it('is answered for pictures of no pixels, and for bombs', async () => {
  const side = fc.constantFrom(
    0,
    1,
    2,
    63,
    65,
    1000,
    3000,
    7999,
    8001,
    16_384,
    65_535,
    0x7fffffff,
    0xffffffff,
  );
  const depth = fc.constantFrom(1, 2, 4, 8, 16, 0, 3, 255);
  const colour = fc.constantFrom(0, 2, 3, 4, 6, 1, 7);
  const rows = deflateSync(Buffer.alloc(28_000_000), { level: 9 });
  const png = fc
    .record({
      width: side,
      height: side,
      depth,
      colour,
      interlace: fc.constantFrom(0, 1, 2),
      full: fc.boolean(),
    })
    .map(({ full, ...header }) => pngOf(header, full ? rows : deflateSync(Buffer.alloc(100))));
  const square = fc
    .record({ side, depth: fc.constantFrom(8, 16), colour: fc.constantFrom(0, 2) })
    .map(({ side: width, ...header }) => pngOf({ width, height: width, interlace: 0, ...header }, rows));
  await target.fuzz(capture(fc.oneof(png, square, fc.constant(bombPng(20_000)))), 30);
  await target.expectUnharmed();
});
