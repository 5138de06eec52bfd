// Reads a labelled folder, test/<label>/<modality>/ID.ext, into the captures a station would have sent.
import { readdir } from 'node:fs/promises';
import { join, parse } from 'node:path';

export interface LabelledCapture {
  readonly label: string;
  readonly id: string;
  /** Modality → path of its file; sorted by modality. */
  readonly files: ReadonlyMap<string, string>;
}

export const GOOD = 'good';

/** Extensions of the formats the service reads; the trainer refuses other files, here they are passed over. */
const EXTENSIONS = new Set(['.png', '.jpg', '.jpeg', '.tif', '.tiff', '.npy', '.wav']);

/**
 * All captures, by label, then ID; a part of which a sensor has no file lacks that modality.
 * Masks and other modalities are left alone. Throws an Error of one line where nothing is found.
 */
export async function readLabelledFolder(
  root: string,
  modalities: readonly string[],
): Promise<LabelledCapture[]> {
  const captures: LabelledCapture[] = [];
  for (const label of await entries(join(root, 'test'), 'isDirectory')) {
    const files = new Map<string, Map<string, string>>();
    for (const modality of modalities.toSorted())
      for (const file of await filesOf(join(root, 'test', label, modality))) {
        const { name } = parse(file);
        files.set(name, (files.get(name) ?? new Map()).set(modality, file));
      }
    const ids = [...files.keys()].sort();
    captures.push(...ids.map((id) => ({ label, id, files: files.get(id) ?? new Map<string, string>() })));
  }
  if (captures.length === 0)
    throw new Error(
      `${root} holds no capture: files lie in test/<label>/<modality>/ID.ext, label "${GOOD}" for good parts, ` +
        `modality one of ${modalities.join(', ')}.`,
    );
  return captures;
}

export function captureKey({ label, id }: { readonly label: string; readonly id: string }): string {
  return `${label}/${id}`;
}

async function filesOf(folder: string): Promise<string[]> {
  const names = await entries(folder, 'isFile');
  return names
    .filter((name) => EXTENSIONS.has(parse(name).ext.toLowerCase()))
    .map((name) => join(folder, name));
}

/** Names of one kind, sorted, without hidden ones; none where there is no such folder. */
async function entries(folder: string, kind: 'isDirectory' | 'isFile'): Promise<string[]> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    const wanted = found.filter((entry) => entry[kind]() && !entry.name.startsWith('.'));
    return wanted.map((entry) => entry.name).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
