// A multipart body → the parts of a capture: one file part a modality, and an optional "metadata" part.
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.js';
import { BodyBytes } from './body-bytes.js';
import { ParserGuard } from './parser-guard.js';
import { type BodyReading, watchBody } from './read-body.js';

export const METADATA_PART = 'metadata';
export const METADATA_LIMIT_BYTES = 64 * 1024;
/** More than any station has sensors; beyond it somebody plays. */
const MAX_PARTS = 64;
/** Of one part; libraries write some 150 bytes. */
const MAX_HEAD_BYTES = 8192;

export interface MultipartCapture {
  /** Views on one buffer: no part is there twice. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly metadata: Buffer | undefined;
}

/** Throws ServiceError BAD_MULTIPART, DUPLICATE_PART, PART_TOO_LARGE, and as readBody. */
export async function readMultipart(
  request: FastifyRequest,
  reading: BodyReading,
): Promise<MultipartCapture> {
  const contents = new BodyBytes(reading);
  try {
    const ends = await parse(request, reading, contents);
    const parts = new Map<string, Buffer>();
    let start = 0;
    for (const [name, end] of ends) {
      parts.set(name, contents.view(start, end));
      start = end;
    }
    const metadata = parts.get(METADATA_PART);
    parts.delete(METADATA_PART);
    return { parts, metadata };
  } catch (error) {
    contents.discard();
    throw error;
  }
}

/** The parts' contents, one behind the other, into `contents`; by name, where each ends. */
function parse(
  request: FastifyRequest,
  reading: BodyReading,
  contents: BodyBytes,
): Promise<ReadonlyMap<string, number>> {
  const { raw } = request;
  return new Promise((resolve, reject) => {
    const guard = new ParserGuard(raw, () => settle(() => reject(hanging())));
    // Before the parser: the limits come first.
    const watch = watchBody(raw, reading, () => void guard.check());
    const settle = (answer: () => void) => {
      guard.release();
      watch.stop();
      raw.unpipe();
      answer();
    };
    const parsed = gather(request, contents, reading.bodyLimitBytes).finally(() => guard.release());
    const ended = watch.ended.then(() => void guard.check());
    Promise.all([parsed, ended]).then(
      ([ends]) => settle(() => resolve(ends)),
      (error) => settle(() => reject(error instanceof ServiceError ? error : broken(error))),
    );
  });
}

/** Takes every part as a file, also those without a file name: the limits here are then the only ones. */
async function gather(
  request: FastifyRequest,
  contents: BodyBytes,
  bodyLimitBytes: number,
): Promise<ReadonlyMap<string, number>> {
  const limits = { parts: MAX_PARTS, headerSize: MAX_HEAD_BYTES, fileSize: bodyLimitBytes };
  const ends = new Map<string, number>();
  for await (const part of request.parts({ limits, isPartAFile: () => true })) {
    if (part.type !== 'file') continue;
    const name = part.fieldname;
    assertNewName(name, ends);
    const start = contents.length;
    for await (const chunk of part.file) {
      contents.append(chunk);
      if (name === METADATA_PART) assertMetadataSize(contents.length - start);
    }
    ends.set(name, contents.length);
  }
  return ends;
}

function assertNewName(name: string | undefined, names: ReadonlyMap<string, unknown>): void {
  if (!name)
    throw new ServiceError('BAD_MULTIPART', { detail: 'A part has no name; name it after its modality.' });
  if (names.has(name))
    throw new ServiceError('DUPLICATE_PART', {
      detail: `Two parts are named "${name}"; send each modality once.`,
      part: name,
    });
}

export function assertMetadataSize(bytes: number): void {
  if (bytes > METADATA_LIMIT_BYTES)
    throw new ServiceError('PART_TOO_LARGE', {
      detail: `The metadata is over its limit of ${METADATA_LIMIT_BYTES} bytes.`,
      part: METADATA_PART,
    });
}

function hanging(): ServiceError {
  return new ServiceError('BAD_MULTIPART', {
    detail:
      'The multipart body cannot be read: it breaks off, or a part of it has no Content-Disposition: form-data; ' +
      'let the HTTP library write both.',
  });
}

/** The parser's own errors, most of which carry a status of 500. */
function broken(cause: Error & { code?: string }): ServiceError {
  return new ServiceError('BAD_MULTIPART', { detail: brokenDetail(cause), cause });
}

function brokenDetail({ code, message }: Error & { code?: string }): string {
  if (code === 'FST_PARTS_LIMIT') return `The multipart body has more than the limit of ${MAX_PARTS} parts.`;
  if (message.includes('Boundary not found'))
    return 'The Content-Type names no boundary; multipart/form-data needs boundary=….';
  return `The multipart body cannot be read: ${message.replace(/\.$/, '')}.`;
}
