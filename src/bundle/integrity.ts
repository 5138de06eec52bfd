// Reads a bundle's files and refuses every one that is not what the manifest says.
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

export interface ExpectedFile {
  /** Relative to the bundle. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes?: number;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The file's bytes. Throws an Error naming the file: missing, outside the bundle, of another size, or changed. */
export async function readVerified(directory: string, expected: ExpectedFile): Promise<Buffer> {
  const path = join(directory, expected.file);
  await refuseLinks(directory, expected.file);
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new Error(`${path} cannot be read: ${cause.message}`, { cause });
  });
  if (expected.bytes !== undefined && bytes.length !== expected.bytes)
    throw new Error(
      `${path} has ${bytes.length} bytes, the manifest says ${expected.bytes}; copy the bundle again`,
    );
  const actual = sha256Of(bytes);
  if (actual !== expected.sha256)
    throw new Error(
      `${path} has sha256 ${actual.slice(0, 12)}…, the manifest says ${expected.sha256.slice(0, 12)}…; ` +
        'copy the bundle again',
    );
  return bytes;
}

/** An ONNX file as readVerified, that also carries all its weights itself; in a buffer of its own, to be moved. */
export async function readOnnx(directory: string, expected: ExpectedFile): Promise<Uint8Array> {
  const bytes = await readVerified(directory, expected);
  if (keepsWeightsElsewhere(bytes))
    throw new Error(
      `${join(directory, expected.file)} keeps weights in another file (ONNX external data); ` +
        'export it self-contained',
    );
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

/** A link inside the bundle may lead anywhere, so none is followed. */
async function refuseLinks(directory: string, file: string): Promise<void> {
  const path = join(directory, file);
  const root = await realpath(directory);
  const real = await realpath(path).catch(() => {
    throw new Error(`${path} is missing; the manifest names it`);
  });
  if (real !== join(root, file.split('/').join(sep)))
    throw new Error(`${path} is a symbolic link; a bundle holds plain files only`);
}

// TensorProto: `repeated StringStringEntryProto external_data = 13`, whose key "location" names the file
// (onnx.proto). On the wire: tag 0x6a, a length of one or two bytes, then 0x0a 0x08 "location".
const LOCATION_KEY = Buffer.from('\n\x08location', 'latin1');
const EXTERNAL_DATA_TAG = 0x6a;

export function keepsWeightsElsewhere(onnx: Buffer): boolean {
  for (let at = onnx.indexOf(LOCATION_KEY); at >= 0; at = onnx.indexOf(LOCATION_KEY, at + 1))
    if (onnx[at - 2] === EXTERNAL_DATA_TAG || onnx[at - 3] === EXTERNAL_DATA_TAG) return true;
  return false;
}
