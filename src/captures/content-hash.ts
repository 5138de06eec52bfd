// What makes two submissions the same capture: the bytes of their parts, and the metadata that the record keeps.
import { createHash, webcrypto } from 'node:crypto';
import { canonicalJson } from '../canonical-json.js';
import type { CaptureMetadata } from '../inspection.js';

/** Off the event loop: a large body would stop it for tens of milliseconds. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Buffer.from(digest).toString('hex');
}

export async function hashesOf(parts: ReadonlyMap<string, Uint8Array>): Promise<ReadonlyMap<string, string>> {
  return new Map(
    await Promise.all([...parts].map(async ([name, bytes]) => [name, await sha256Of(bytes)] as const)),
  );
}

/**
 * `hashes` by modality, in any order. Of the metadata all counts but the captureId, by which it was found, and the
 * deadline: a client that tries again has less time left.
 */
export function contentHash(
  hashes: ReadonlyMap<string, string>,
  { captureId: _id, deadlineMs: _deadline, ...metadata }: CaptureMetadata,
  model: string | null,
): string {
  const content = { parts: Object.fromEntries(hashes), metadata, model };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}
