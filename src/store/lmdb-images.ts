// Images of captures in the embedded store: the oldest go first. All but reads run within a transaction of lmdb.ts.
import { decodeInspection } from './codec.js';
import { fileName, namedImages, THUMBNAIL } from './image-names.js';
import { type LmdbRooms, removeNamed } from './lmdb-rooms.js';
import { isRevisedSince } from './revise.js';
import { type CaptureImages, type ImagesKept, MAX_EVICTED, type Revision } from './store.js';

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
  images: CaptureImages,
  limitBytes: number,
): ImagesKept {
  const { named, bytes } = namedImages(images);
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
  removeNamed(images, inspectionId);
  imageOrder.remove(order);
  imagePlaces.remove(inspectionId);
  meta.put('imageBytes', `${imageBytes(rooms) - bytes}`);
  return true;
}
