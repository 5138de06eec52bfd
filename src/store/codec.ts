// The bytes that both stores keep: inspections as JSON; maps come encoded (map-codec.ts).
import { type Inspection, inspectionSchema } from '../inspection.js';

export function encodeInspection(inspection: Inspection): string {
  return JSON.stringify(inspection);
}

/** Throws where the text is not an inspection: the store was written by another version or is damaged. */
export function decodeInspection(text: string): Inspection {
  return inspectionSchema.parse(JSON.parse(text));
}

/** As the drivers take bytes; not copied. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
