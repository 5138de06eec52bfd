// Tells whether a picture of another size still shows the same field of view.
import { DecodeError } from './decode-error.js';
import type { Picture } from './picture.js';

const TOLERANCE = 0.02;

interface Frame {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** Throws DecodeError `wrong_aspect` where the sides' ratio is off by more than 2 %. */
export function checkAspect({ width, height }: Picture, wanted: Frame): void {
  const skew = Math.abs(width * wanted.height - height * wanted.width);
  if (skew > TOLERANCE * height * wanted.width)
    throw new DecodeError(
      'wrong_aspect',
      `${width} x ${height} pixels; ${wanted.name} takes ${wanted.width} x ${wanted.height} or the same aspect`,
    );
}
