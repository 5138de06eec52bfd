// Lays many pictures out on one sheet, each under its title.
import sharp from 'sharp';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphPixel } from './glyphs.js';

export interface Tile {
  /** Cut off where it is wider than its picture. */
  readonly title: string;
  readonly png: Buffer;
}

const GAP = 12;
const TEXT_SCALE = 2;
const TITLE_HEIGHT = GLYPH_HEIGHT * TEXT_SCALE + 8;
const PAPER = { r: 246, g: 247, b: 249 };
const INK = [32, 38, 46] as const;

/** One PNG, `columns` pictures a row; every cell has the size of the greatest picture. Throws for no tiles. */
export async function contactSheet(tiles: readonly Tile[], columns: number): Promise<Buffer> {
  if (tiles.length === 0) throw new RangeError('a contact sheet needs at least one picture');
  const sizes = await Promise.all(tiles.map(({ png }) => sharp(png).metadata()));
  const cellWidth = Math.max(...sizes.map(({ width }) => width));
  const cellHeight = Math.max(...sizes.map(({ height }) => height)) + TITLE_HEIGHT;
  const across = Math.min(columns, tiles.length);
  const down = Math.ceil(tiles.length / columns);
  const layers = tiles.flatMap(({ title, png }, i) => {
    const left = GAP + (i % columns) * (cellWidth + GAP);
    const top = GAP + Math.floor(i / columns) * (cellHeight + GAP);
    return [
      { ...titleStrip(title, cellWidth), left, top },
      { input: png, left, top: top + TITLE_HEIGHT },
    ];
  });
  return sharp({
    create: {
      width: GAP + across * (cellWidth + GAP),
      height: GAP + down * (cellHeight + GAP),
      channels: 3,
      background: PAPER,
    },
  })
    .composite(layers)
    .png()
    .toBuffer();
}

/** The title in ink on transparent, as raw RGBA pixels. */
function titleStrip(title: string, width: number) {
  const height = GLYPH_HEIGHT * TEXT_SCALE;
  const pitch = (GLYPH_WIDTH + 1) * TEXT_SCALE;
  const pixels = Buffer.alloc(width * height * 4);
  [...title].slice(0, Math.floor(width / pitch)).forEach((character, position) => {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < GLYPH_WIDTH * TEXT_SCALE; x++)
        if (glyphPixel(character, Math.floor(x / TEXT_SCALE), Math.floor(y / TEXT_SCALE)))
          pixels.set([...INK, 255], 4 * (y * width + position * pitch + x));
  });
  return { input: pixels, raw: { width, height, channels: 4 as const } };
}
