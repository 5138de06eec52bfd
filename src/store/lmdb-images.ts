// Images of captures in the embedded store: the oldest go first. All but reads run within a transaction of lmdb.ts.
import { decodeInspection } from './codec.js';
import type { LmdbRooms } from './lmdb-rooms.js';
import { isRevisedSince } from './revise.js';
import { type CaptureImages, type ImagesKept, MAX_EVICTED, type Revision } from './store.js';

const THUMBNAIL = 'thumbnail';
const fileName = (modality: string) => `file:${modality}`;
/** Sorts behind every name. */
const LAST = '\uffff';

export function imageBytes({ meta }: LmdbRooms): number {
  return Number(meta.get('imageBytes') ?? 0);
}

export function thumbnailOf({ images }: LmdbRooms, inspectionId: string): Uint8Array | undefined {
  return images.get([inspectionId, THUMBNAIL]);
}

export function originalOf(
  { images }: LmdbRooms,
  inspectionId: string,
  modality: string,
): Uint8Array | undefined {
  return images.get([inspectionId, fileName(modality)]);
}

export function keepImages(
  rooms: LmdbRooms,
  { inspectionId, revision }: Revision,
  { thumbnail, originals }: CaptureImages,
  limitBytes: number,
): ImagesKept {
  const named = Object.entries(originals).map(([modality, file]) => [fileName(modality), file] as const);
  if (thumbnail !== undefined) named.push([THUMBNAIL, thumbnail]);
  const bytes = named.reduce((sum, [, image]) => sum + image.length, 0);
  if (bytes > limitBytes || !isStillOf(rooms, { inspectionId, revision })) return { kept: false, evicted: 0 };
  removeCaptureImages(rooms, inspectionId);
  const evicted = evict(rooms, limitBytes - bytes);
  const order = ([...rooms.imageOrder.getKeys({ reverse: true, limit: 1 })][0] ?? 0) + 1;
  for (const [name, image] of named) rooms.images.put([inspectionId, name], Buffer.from(image));
  rooms.imageOrder.put(order, inspectionId);
  rooms.imagePlaces.put(inspectionId, [order, bytes]);
  rooms.meta.put('imageBytes', `${imageBytes(rooms) + bytes}`);
  return { kept: true, evicted };
}

/** Whether there is a record, and of an answer that is no newer. */
function isStillOf({ places, inspections }: LmdbRooms, { inspectionId, revision }: Revision): boolean {
  const [, held] = places.get(inspectionId) ?? [];
  if (held === undefined || held <= revision) return held !== undefined;
  const record = inspections.get(inspectionId);
  return record !== undefined && !isRevisedSince(decodeInspection(record), revision);
}

/** Until what stays is within `limitBytes`; how many inspections lost their images. */
function evict(rooms: LmdbRooms, limitBytes: number): number {
  if (imageBytes(rooms) <= limitBytes) return 0;
  const oldest = [...rooms.imageOrder.getRange({ limit: MAX_EVICTED })];
  let evicted = 0;
  for (const { value } of oldest) {
    if (imageBytes(rooms) <= limitBytes) break;
    removeCaptureImages(rooms, value);
    evicted += 1;
  }
  return evicted;
}

/** false where there were none. */
export function removeCaptureImages(rooms: LmdbRooms, inspectionId: string): boolean {
  const { images, imageOrder, imagePlaces, meta } = rooms;
  const place = imagePlaces.get(inspectionId);
  if (place === undefined) return false;
  const [order, bytes] = place;
  const range = { start: [inspectionId, ''], end: [inspectionId, LAST] } as const;
  const keys = [...images.getKeys(range as unknown as { start: [string, string]; end: [string, string] })];
  for (const key of keys) images.remove(key);
  imageOrder.remove(order);
  imagePlaces.remove(inspectionId);
  meta.put('imageBytes', `${imageBytes(rooms) - bytes}`);
  return true;
}
