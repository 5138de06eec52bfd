// A multipart body → the parts of a capture: one file part a modality, and an optional "metadata" part.
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { ServiceError } from '../errors.js';

export const METADATA_PART = 'metadata';
export const METADATA_LIMIT_BYTES = 64 * 1024;
/** More than any station has sensors; beyond it somebody plays. */
const MAX_PARTS = 64;

export interface MultipartCapture {
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly metadata: Buffer | undefined;
}

/** Throws ServiceError BAD_MULTIPART, DUPLICATE_PART, PART_TOO_LARGE, or the signal's reason. */
export async function parseMultipart(
  body: Buffer,
  contentType: string,
  signal: AbortSignal,
): Promise<MultipartCapture> {
  const all = await splitParts(body, contentType, signal);
  const metadata = all.get(METADATA_PART);
  all.delete(METADATA_PART);
  return { parts: all, metadata };
}

/** Whatever the parser does with a broken body, this settles: at the latest when nobody waits any more. */
function splitParts(body: Buffer, contentType: string, signal: AbortSignal): Promise<Map<string, Buffer>> {
  return new Promise((resolve, reject) => {
    const parts = new Map<string, Buffer>();
    const fail = (error: unknown) => reject(error instanceof ServiceError ? error : broken(error as Error));
    const parser = openParser(contentType);
    parser.on('file', (name: string | undefined, stream) => {
      const chunks: Buffer[] = [];
      let partBytes = 0;
      stream.on('error', fail);
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        partBytes += chunk.length;
        if (name === METADATA_PART && partBytes > METADATA_LIMIT_BYTES) fail(metadataTooLarge());
      });
      stream.on('end', () => {
        if (!name) fail(nameless());
        else if (parts.has(name)) fail(duplicate(name));
        // One chunk is what comes of a part as a rule, and is a view on the body: no copy.
        else parts.set(name, chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, partBytes));
      });
    });
    parser.on('partsLimit', () => fail(new Error(`more than the limit of ${MAX_PARTS} parts`)));
    parser.on('error', fail);
    parser.on('finish', () => resolve(parts));
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    parser.end(body);
  });
}

/** Every part as a stream, also those without a file name. */
function openParser(contentType: string): BusboyInstance {
  const limits = { parts: MAX_PARTS };
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits, isPartAFile: () => true });
  } catch (error) {
    throw broken(error as Error);
  }
}

export function assertMetadataSize(bytes: number): void {
  if (bytes > METADATA_LIMIT_BYTES) throw metadataTooLarge();
}

function metadataTooLarge(): ServiceError {
  return new ServiceError('PART_TOO_LARGE', {
    detail: `The metadata is over its limit of ${METADATA_LIMIT_BYTES} bytes.`,
    part: METADATA_PART,
  });
}

function nameless(): ServiceError {
  return new ServiceError('BAD_MULTIPART', { detail: 'A part has no name; name it after its modality.' });
}

function duplicate(name: string): ServiceError {
  return new ServiceError('DUPLICATE_PART', {
    detail: `Two parts are named "${name}"; send each modality once.`,
    part: name,
  });
}

function broken(cause: Error): ServiceError {
  const detail = cause.message.includes('Boundary not found')
    ? 'The Content-Type names no boundary; multipart/form-data needs boundary=….'
    : `The multipart body cannot be read: ${cause.message}.`;
  return new ServiceError('BAD_MULTIPART', { detail, cause });
}
