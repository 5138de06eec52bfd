// Opens a bundle: the manifest read and checked, every file it names verified.
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { readOnnx, readVerified, sha256Of } from './integrity.js';
import { type Manifest, manifestSchema } from './manifest.js';
import { assertSigned } from './signature.js';

export interface Bundle {
  /** "name@version". */
  readonly key: string;
  readonly directory: string;
  readonly manifest: Manifest;
  /** Of manifest.json, which names the sha256 of every other file: it stands for the whole bundle. */
  readonly sha256: string;
}

/** The ONNX files of one bundle, verified, by modality and by branch. */
export interface BundleGraphs {
  readonly encoders: Readonly<Record<string, Uint8Array>>;
  readonly heads: Readonly<Record<string, Uint8Array>>;
}

/**
 * `publicKeys`: one of them must have signed it; none: it need not be signed. Throws an Error of one line that names
 * the bundle, or the file in it, and what is wrong.
 */
export async function openBundle(directory: string, publicKeys: readonly KeyObject[] = []): Promise<Bundle> {
  const path = join(directory, 'manifest.json');
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new Error(`${path} cannot be read; a bundle is a folder with a manifest.json`, { cause });
  });
  // Before anything of it is believed.
  if (publicKeys.length > 0) await assertSigned(directory, bytes, publicKeys);
  const manifest = parseManifest(path, bytes);
  const { name, version } = manifest;
  if (basename(dirname(resolve(directory))) !== name || basename(directory) !== String(version))
    throw new Error(`${path} says it is ${name}, version ${version}; it must lie in ${name}/${version}`);
  const bundle = { key: `${name}@${version}`, directory, manifest, sha256: sha256Of(bytes) };
  await readGraphs(bundle);
  for (const { file, sha256 } of goldenFiles(manifest)) await readVerified(directory, { file, sha256 });
  return bundle;
}

/** Read again for each worker: a file changed since the start is refused, never served under the old name. */
export async function readGraphs(bundle: Bundle): Promise<BundleGraphs> {
  const { directory, manifest } = bundle;
  const encoders: Record<string, Uint8Array> = {};
  for (const encoder of manifest.encoders) encoders[encoder.modality] = await readOnnx(directory, encoder);
  const heads: Record<string, Uint8Array> = {};
  for (const branch of manifest.branches) heads[branch.id] = await readOnnx(directory, branch.head);
  return { encoders, heads };
}

function goldenFiles({ golden }: Manifest): { file: string; sha256: string }[] {
  return [...golden.inputs, ...golden.expected.map((entry) => entry.map)];
}

function parseManifest(path: string, bytes: Buffer): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new Error(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Error(`${path}: ${z.core.toDotPath(issue?.path ?? [])} ${issue?.message}`);
}
