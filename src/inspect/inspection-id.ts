// Makes inspection ids: UUIDs that sort by the time they were made (RFC 9562, version 7).
import { randomIdBytes } from '../random-bytes.js';

/** "48-bit big-endian unsigned number of the Unix Epoch timestamp in milliseconds", then version, variant, random. */
export function newInspectionId(unixMs: number, random: Uint8Array = randomIdBytes(16)): string {
  const bytes = Buffer.from(random);
  bytes.writeUIntBE(unixMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return [0, 8, 12, 16, 20].map((start, i) => hex.slice(start, [8, 12, 16, 20, 32][i])).join('-');
}
