// Where a recipe looks and where it does not: shapes in the pixels of a picture → the places of a map that count.
import type { ScoreMap } from './regions.js';

/** One of the two, in pixels of the mask's size. */
export interface Shape {
  /** x, y, width, height: as the `bbox` of a region. */
  readonly rect?: readonly [number, number, number, number] | undefined;
  readonly polygon?: readonly (readonly [number, number])[] | undefined;
}

export interface Mask {
  /** Width and height of the picture that the shapes are drawn in; the frame's, or of the same aspect. */
  readonly size: readonly [number, number];
  /** Only what lies in one of these counts; absent: all. */
  readonly roi?: readonly Shape[] | undefined;
  /** What lies in one of these does not. */
  readonly ignore?: readonly Shape[] | undefined;
}

type Size = Pick<ScoreMap, 'height' | 'width'>;

/** Row-major, 1 where a place counts. A place is where its centre is. */
export function keptPlaces({ size, roi, ignore = [] }: Mask, map: Size): Uint8Array {
  const places = new Uint8Array(map.height * map.width);
  if (roi === undefined) places.fill(1);
  else for (const shape of roi) fill(places, shape, size, map, 1);
  for (const shape of ignore) fill(places, shape, size, map, 0);
  return places;
}

/** Whether the shape has the centre of any place in it. */
export function coversPlaces(shape: Shape, size: Mask['size'], map: Size): boolean {
  return keptPlaces({ size, roi: [shape] }, map).includes(1);
}

/** The highest value at a place that counts; NaN where none does. */
export function peakWithin({ values }: ScoreMap, places: Uint8Array | undefined): number {
  let peak = Number.NaN;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const counts = places === undefined || places[i] === 1;
    if (counts && (value > peak || Number.isNaN(peak))) peak = value;
  }
  return peak;
}

/** The map with nothing (NaN) at places that do not count. */
export function within(map: ScoreMap, places: Uint8Array): ScoreMap {
  return { ...map, values: map.values.map((value, i) => (places[i] === 1 ? value : Number.NaN)) };
}

/** Row by row, between every other crossing of its edges with the row's middle: the even-odd rule. */
function fill(
  places: Uint8Array,
  shape: Shape,
  [width, height]: Mask['size'],
  map: Size,
  value: 0 | 1,
): void {
  const corners = cornersOf(shape);
  const [scaleX, scaleY] = [map.width / width, map.height / height];
  for (let row = 0; row < map.height; row++) {
    const crossings = crossingsOf(corners, (row + 0.5) / scaleY);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.ceil((crossings[i] as number) * scaleX - 0.5);
      const to = Math.ceil((crossings[i + 1] as number) * scaleX - 0.5);
      places.fill(value, row * map.width + Math.max(0, from), row * map.width + Math.min(map.width, to));
    }
  }
}

function cornersOf({ rect, polygon = [] }: Shape): readonly (readonly [number, number])[] {
  if (rect === undefined) return polygon;
  const [x, y, width, height] = rect;
  return [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
  ];
}

/** x of every edge that crosses the line at y, ascending; an edge holds its upper end and not its lower one. */
function crossingsOf(corners: readonly (readonly [number, number])[], y: number): number[] {
  const found: number[] = [];
  let [fromX, fromY] = corners.at(-1) ?? [0, 0];
  for (const [toX, toY] of corners) {
    if (fromY <= y !== toY <= y) found.push(fromX + ((y - fromY) / (toY - fromY)) * (toX - fromX));
    [fromX, fromY] = [toX, toY];
  }
  return found.sort((a, b) => a - b);
}
