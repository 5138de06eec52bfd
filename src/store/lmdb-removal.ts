// Removing from the embedded store, and what it takes on the disk. Removals run within a transaction of lmdb.ts.
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from 'lmdb';
import { decodeInspection } from './codec.js';
import { imageBytes, removeCaptureImages } from './lmdb-images.js';
import { type LmdbRooms, removeNamed } from './lmdb-rooms.js';
import type { Usage } from './store.js';

/** false where there were none. */
export function removeImages(rooms: LmdbRooms, inspectionId: string): boolean {
  const hadMaps = removeNamed(rooms.maps, inspectionId);
  return removeCaptureImages(rooms, inspectionId) || hadMaps;
}

/** A part is forgotten with its first inspection. */
export function removeRecord(rooms: LmdbRooms, inspectionId: string): void {
  const { feed, open, places, parts, inspections } = rooms;
  const [sequence, , , attempt] = places.get(inspectionId) ?? [];
  const text = inspections.get(inspectionId);
  if (sequence === undefined || text === undefined) return;
  const { lineId, partId } = decodeInspection(text);
  if (attempt === 'FIRST' && lineId !== null && partId !== null) parts.remove([lineId, partId]);
  feed.remove(sequence);
  open.remove(sequence);
  places.remove(inspectionId);
  inspections.remove(inspectionId);
}

export async function usageOf(rooms: LmdbRooms, path: string): Promise<Usage> {
  const { root, meta: _, ...tables } = rooms;
  const bytes = Object.values(tables).reduce((sum, table) => sum + bytesOf(table), 0);
  const [{ size }, { bavail, bsize }] = await Promise.all([stat(join(path, 'data.mdb')), statfs(path)]);
  // LMDB never gives a page back to the disk, but writes on those that are free.
  return {
    records: entriesOf(rooms.feed),
    bytes,
    freeBytes: bavail * bsize + Math.max(0, size - bytes),
    imageBytes: imageBytes(rooms),
  };
}

function entriesOf(table: Database): number {
  return (table.getStats() as { entryCount: number }).entryCount;
}

function bytesOf(table: Database): number {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = table.getStats() as {
    pageSize: number;
    treeBranchPageCount: number;
    treeLeafPageCount: number;
    overflowPages: number;
  };
  return pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages);
}
