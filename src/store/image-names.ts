// Under which names both stores keep the images of a capture.
import type { CaptureImages } from './store.js';

export const THUMBNAIL = 'thumbnail';
export const fileName = (modality: string) => `file:${modality}`;

export function namedImages({ thumbnail, originals }: CaptureImages) {
  const named = Object.entries(originals).map(([modality, file]) => [fileName(modality), file] as const);
  if (thumbnail !== undefined) named.push([THUMBNAIL, thumbnail]);
  return { named, bytes: named.reduce((sum, [, image]) => sum + image.length, 0) };
}
