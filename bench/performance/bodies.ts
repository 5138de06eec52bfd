// The captures that are sent: single pictures as PNG and JPEG, and every branch's subset of whole captures.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Manifest, type ModalitySpec, manifestSchema } from '../../src/bundle/manifest.js';
import type { RawJob } from '../ceiling/protocol.js';
import type { Picture } from '../contenders/contender.js';
import { GOOD } from '../labelled-folder.js';
import { multipart } from '../load/multipart.js';
import type { PreparedRequest } from '../load/protocol.js';
import { drawBelow, type Random, seededRandom } from '../random.js';
import { readSampleCaptures, type SampleCapture } from '../sample-captures.js';
import { asOnALine } from './mixture.js';

/** A capture of one picture, for a contender and for the ceiling. */
export interface PictureCapture {
  readonly picture: Picture;
  readonly job: RawJob;
}

export interface MixCapture {
  readonly branch: string;
  readonly request: PreparedRequest;
  readonly job: RawJob;
}

export interface Bodies {
  /** As a line makes them, mostly good, to be sent over and over: the same captures come again and again. */
  readonly png: readonly PictureCapture[];
  /** The same pictures in the same order. */
  readonly jpeg: readonly PictureCapture[];
  /** Each once. */
  readonly defectivePng: readonly PictureCapture[];
  /** Every branch once, again and again, of whole captures: mostly good ones. */
  readonly mix: readonly MixCapture[];
}

/** As cameras set it; a ninth of the PNG's size. */
const JPEG_QUALITY = 90;
/** Below this a picture shows nothing (a covered lens) or is cut short: another path than judging. */
const LEAST_FILE_BYTES = 40_000;
const MIX_SEED = 1;

/** `modality`: the one whose pictures are sent alone. */
export async function readBodies(bundle: string, graphs: string, modality: string): Promise<Bodies> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')));
  const captures = await readSampleCaptures(bundle);
  const spec = specOf(manifest, modality);
  const graph = join(graphs, `${modality}.onnx`);
  const good: BothKinds[] = [];
  const defective: BothKinds[] = [];
  for (const { label, files } of captures) {
    const file = files.get(modality);
    if (file === undefined) continue;
    const bytes = await readFile(file);
    if (bytes.length < LEAST_FILE_BYTES) continue;
    const lossy = await sharp(bytes).jpeg({ quality: JPEG_QUALITY }).toBuffer();
    (label === GOOD ? good : defective).push({
      png: pictureCapture({ contentType: 'image/png', bytes }, spec, graph),
      jpeg: pictureCapture({ contentType: 'image/jpeg', bytes: lossy }, spec, graph),
    });
  }
  const line = asOnALine(good, defective);
  if (line.length === 0) throw new Error(`${bundle} has no sample picture of "${modality}" to send.`);
  return {
    png: line.map(({ png }) => png),
    jpeg: line.map(({ jpeg }) => jpeg),
    defectivePng: defective.map(({ png }) => png),
    mix: await mixOf(manifest, captures, graphs),
  };
}

/** A picture as both kinds of file. */
interface BothKinds {
  readonly png: PictureCapture;
  readonly jpeg: PictureCapture;
}

function pictureCapture(picture: Picture, spec: ModalitySpec, graph: string): PictureCapture {
  return { picture, job: { graph, parts: [{ spec, file: picture.bytes }] } };
}

/**
 * Every branch of a whole capture, in an order that mixes cheap and dear ones; then of the next, good and defective
 * ones as on a line.
 */
async function mixOf(
  manifest: Manifest,
  captures: readonly SampleCapture[],
  graphs: string,
): Promise<MixCapture[]> {
  const whole = captures.filter(({ files }) => manifest.modalities.every(({ name }) => files.has(name)));
  const good: MixCapture[][] = [];
  const defective: MixCapture[][] = [];
  for (const capture of whole)
    (capture.label === GOOD ? good : defective).push(await everyBranch(capture, manifest, graphs));
  const random = seededRandom(MIX_SEED);
  return asOnALine(good, defective).flatMap((branches) => shuffled(branches, random));
}

function everyBranch(capture: SampleCapture, manifest: Manifest, graphs: string): Promise<MixCapture[]> {
  return Promise.all(
    manifest.branches.map(async ({ id, modalities }) => {
      const parts = await Promise.all(
        modalities.map(async (name) => ({
          spec: specOf(manifest, name),
          file: await readFile(capture.files.get(name) ?? ''),
        })),
      );
      const request = await multipart(parts.map(({ spec, file }) => [spec.name, file]));
      return { branch: id, request, job: { graph: join(graphs, `${id}.onnx`), parts } };
    }),
  );
}

function specOf(manifest: Manifest, modality: string): ModalitySpec {
  const spec = manifest.modalities.find(({ name }) => name === modality);
  if (spec === undefined) throw new Error(`${manifest.name} has no modality "${modality}".`);
  return spec;
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(drawBelow(random, left.length), 1));
}
