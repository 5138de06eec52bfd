// What a recipe says of where to look: masks by modality, and which of them holds for a branch.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Bundle } from '../bundle/bundle.js';
import type { BranchSpec, ModalitySpec } from '../bundle/manifest.js';
import { canonicalJson } from '../canonical-json.js';
import { coversPlaces, keptPlaces, type Mask } from '../verdict/mask.js';

const MAX_POINTS = 256;
const MAX_SHAPES = 64;
/** As a picture may differ from what its modality takes. */
const ASPECT_TOLERANCE = 0.02;

const coordinate = z.number().min(0, 'must not be below 0');
const shape = z
  .strictObject({
    rect: z.tuple([coordinate, coordinate, coordinate, coordinate]).optional(),
    polygon: z
      .array(z.tuple([coordinate, coordinate]))
      .min(3, 'must have at least 3 points')
      .max(MAX_POINTS, `must have at most ${MAX_POINTS} points`)
      .optional(),
  })
  .refine(
    ({ rect, polygon }) => (rect === undefined) !== (polygon === undefined),
    'must be a rect or a polygon',
  )
  .refine(
    ({ rect }) => rect === undefined || (rect[2] > 0 && rect[3] > 0),
    'must have a width and a height of more than 0',
  );
const shapes = z
  .array(shape)
  .min(1, 'must have a shape, or be left out')
  .max(MAX_SHAPES, `must have at most ${MAX_SHAPES} shapes`);

const mask = z
  .strictObject({
    size: z.tuple([z.int().min(1).max(65_536), z.int().min(1).max(65_536)]),
    roi: shapes.optional(),
    ignore: shapes.optional(),
  })
  .superRefine(({ size: [width, height], roi = [], ignore = [] }, context) => {
    for (const [list, each] of Object.entries({ roi, ignore }))
      each.forEach(({ rect, polygon = [] }, i) => {
        const corners = rect === undefined ? polygon : [[rect[0] + rect[2], rect[1] + rect[3]] as const];
        const stray = corners.find(([x, y]) => x > width || y > height);
        if (stray === undefined) return;
        const message = `reaches ${stray.join(', ')}, outside the ${width} x ${height} of its size`;
        context.addIssue({ code: 'custom', path: [list, i], message });
      });
  });

/** By the modality in whose picture the shapes are drawn; those that share its pixels need none of their own. */
export const masksSchema = z.record(z.string(), mask);
export type Masks = z.infer<typeof masksSchema>;

/** The mask that holds for the pixels of `modality`. */
export function maskOf(masks: Masks, modality: string, specs: readonly ModalitySpec[]): Mask | undefined {
  const registered = specs.find(({ name }) => name === modality)?.registeredWith ?? [];
  const named = [modality, ...registered].find((name) => masks[name] !== undefined);
  return named === undefined ? undefined : masks[named];
}

/** Modalities of the branch whose own picture does not share the pixels of its map. */
export function besideTheMap({ modalities, frame }: BranchSpec, specs: readonly ModalitySpec[]): string[] {
  const registered = specs.find(({ name }) => name === frame)?.registeredWith ?? [];
  return modalities.filter((name) => name !== frame && !registered.includes(name));
}

/** Whose pixels of this branch are masked: its map's by the frame, others by themselves; empty: nothing is. */
export function maskedFrames(masks: Masks, branch: BranchSpec, specs: readonly ModalitySpec[]): string[] {
  const pictures = [branch.frame, ...besideTheMap(branch, specs)];
  return pictures.filter((name) => maskOf(masks, name, specs) !== undefined);
}

/** Scores that were judged under the same masks compare. */
export function hashOfMasks(masks: Masks): string {
  return createHash('sha256').update(canonicalJson(masks)).digest('hex');
}

/** Why these masks do not fit the model; undefined where they do. */
export function maskFault(masks: Masks, { manifest, key }: Bundle): string | undefined {
  const { modalities: specs } = manifest;
  for (const [name, one] of Object.entries(masks)) {
    const spec = specs.find((each) => each.name === name);
    if (spec === undefined)
      return `masks "${name}", which ${key} does not know; it knows: ${specs.map((each) => each.name).join(', ')}`;
    if (spec.kind === 'audio') return `masks "${name}", which is sound and has no picture`;
    const twice = spec.registeredWith.find((other) => masks[other] !== undefined);
    if (twice !== undefined)
      return `masks both "${name}" and "${twice}", which share their pixels: mask one of them`;
    const fault = aspectFault(one, spec) ?? placesFault(one, mapSizes(name, manifest));
    if (fault !== undefined) return `has a mask of "${name}" that ${fault}`;
  }
  return undefined;
}

function aspectFault(
  { size: [width, height] }: Mask,
  spec: { width: number; height: number },
): string | undefined {
  const skew = Math.abs(width * spec.height - height * spec.width);
  if (skew <= ASPECT_TOLERANCE * height * spec.width) return undefined;
  return `is drawn in ${width} x ${height} pixels; it takes ${spec.width} x ${spec.height} or the same aspect`;
}

function placesFault(one: Mask, sizes: readonly MapSize[]): string | undefined {
  for (const map of sizes) {
    const grid = `the map of ${map.width} x ${map.height}`;
    for (const list of ['roi', 'ignore'] as const) {
      const lost = one[list]?.findIndex((each) => !coversPlaces(each, one.size, map)) ?? -1;
      if (lost !== -1) return `covers no place of ${grid} with ${list}[${lost}]: make it larger`;
    }
    if (!keptPlaces(one, map).includes(1)) return `keeps no place of ${grid}`;
  }
  return undefined;
}

interface MapSize {
  readonly width: number;
  readonly height: number;
}

/** Of every map that this modality's mask may be laid over, each size once. */
function mapSizes(modality: string, { branches, encoders, modalities }: Bundle['manifest']): MapSize[] {
  const registered = modalities.find(({ name }) => name === modality)?.registeredWith ?? [];
  const covered = [modality, ...registered];
  const outputs = [
    ...branches.filter(({ frame }) => covered.includes(frame)).map(({ head }) => head.outputs),
    ...encoders.filter((encoder) => covered.includes(encoder.modality)).map((encoder) => encoder.outputs),
  ];
  const sizes = outputs.flatMap((each): [string, MapSize][] => {
    const [, height, width] = each.find(({ name }) => name === 'map')?.shape ?? [];
    return typeof height === 'number' && typeof width === 'number'
      ? [[`${width}x${height}`, { width, height }]]
      : [];
  });
  return [...new Map(sizes).values()];
}
