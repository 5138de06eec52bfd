// A multipart body → the parts of a capture: one file part a modality, and an optional "metadata" part.
import { ServiceError } from '../errors.js';
import { splitMultipart } from './split-multipart.js';

export const METADATA_PART = 'metadata';
export const METADATA_LIMIT_BYTES = 64 * 1024;

export interface MultipartCapture {
  /** Views on the body: nothing is copied. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly metadata: Buffer | undefined;
}

/** Throws ServiceError BAD_MULTIPART, DUPLICATE_PART, PART_TOO_LARGE. */
export function parseMultipart(body: Buffer, contentType: string): MultipartCapture {
  const all = new Map<string, Buffer>();
  for (const { name, content } of splitMultipart(body, contentType)) {
    if (all.has(name))
      throw new ServiceError('DUPLICATE_PART', {
        detail: `Two parts are named "${name}"; send each modality once.`,
        part: name,
      });
    all.set(name, content);
  }
  const metadata = all.get(METADATA_PART);
  if (metadata !== undefined) assertMetadataSize(metadata.length);
  all.delete(METADATA_PART);
  return { parts: all, metadata };
}

export function assertMetadataSize(bytes: number): void {
  if (bytes > METADATA_LIMIT_BYTES)
    throw new ServiceError('PART_TOO_LARGE', {
      detail: `The metadata is over its limit of ${METADATA_LIMIT_BYTES} bytes.`,
      part: METADATA_PART,
    });
}
