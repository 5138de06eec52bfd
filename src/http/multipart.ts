// A multipart body → the parts of a capture: one file part a modality, and an optional "metadata" part.
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.js';

export const METADATA_PART = 'metadata';
export const METADATA_LIMIT_BYTES = 64 * 1024;
/** More than any station has sensors; beyond it somebody plays. */
const MAX_PARTS = 64;

export interface MultipartCapture {
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly metadata: Buffer | undefined;
}

/** Throws ServiceError BAD_MULTIPART, DUPLICATE_PART, PART_TOO_LARGE, BODY_TOO_LARGE. */
export async function readMultipart(
  request: FastifyRequest,
  bodyLimitBytes: number,
): Promise<MultipartCapture> {
  assertWithinLimit(Number(request.headers['content-length'] ?? 0), bodyLimitBytes);
  const all = new Map<string, Buffer>();
  try {
    let totalBytes = 0;
    for await (const { name, stream } of files(request)) {
      if (all.has(name))
        throw new ServiceError('DUPLICATE_PART', {
          detail: `Two parts are named "${name}"; send each modality once.`,
          part: name,
        });
      const chunks: Buffer[] = [];
      let partBytes = 0;
      for await (const chunk of stream) {
        chunks.push(chunk);
        partBytes += chunk.length;
        totalBytes += chunk.length;
        assertWithinLimit(totalBytes, bodyLimitBytes);
        if (name === METADATA_PART) assertMetadataSize(partBytes);
      }
      all.set(name, Buffer.concat(chunks, partBytes));
    }
  } catch (error) {
    throw error instanceof ServiceError ? error : broken(error as Error);
  }
  const metadata = all.get(METADATA_PART);
  all.delete(METADATA_PART);
  return { parts: all, metadata };
}

/** Every part as a stream, also those without a file name: the limits here are then the only ones. */
async function* files(
  request: FastifyRequest,
): AsyncGenerator<{ name: string; stream: AsyncIterable<Buffer> }> {
  const limits = { parts: MAX_PARTS, files: MAX_PARTS, fileSize: Number.MAX_SAFE_INTEGER };
  for await (const part of request.parts({ limits, isPartAFile: () => true })) {
    if (part.type !== 'file') continue;
    if (!part.fieldname)
      throw new ServiceError('BAD_MULTIPART', { detail: 'A part has no name; name it after its modality.' });
    yield { name: part.fieldname, stream: part.file };
  }
}

export function assertMetadataSize(bytes: number): void {
  if (bytes > METADATA_LIMIT_BYTES)
    throw new ServiceError('PART_TOO_LARGE', {
      detail: `The metadata is over its limit of ${METADATA_LIMIT_BYTES} bytes.`,
      part: METADATA_PART,
    });
}

function assertWithinLimit(bytes: number, bodyLimitBytes: number): void {
  if (bytes > bodyLimitBytes)
    throw new ServiceError('BODY_TOO_LARGE', {
      detail: `The body is over the limit of ${bodyLimitBytes} bytes (BODY_LIMIT_BYTES).`,
    });
}

/** The parser's own errors, most of which carry a status of 500. */
function broken(cause: Error): ServiceError {
  const detail = cause.message.includes('Boundary not found')
    ? 'The Content-Type names no boundary; multipart/form-data needs boundary=….'
    : `The multipart body cannot be read: ${cause.message}.`;
  return new ServiceError('BAD_MULTIPART', { detail, cause });
}
