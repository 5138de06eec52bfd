// Which bundles of the models folder to load.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Folders of the bundles named in `wanted` ("name" is its latest version, or "name@version"); all names where
 * `wanted` is empty. Throws an Error of one line naming what is not there and what is.
 */
export async function discoverBundles(modelsDir: string, wanted: readonly string[]): Promise<string[]> {
  const names = await folders(modelsDir);
  const asked = wanted.length > 0 ? wanted : names;
  if (asked.length === 0)
    throw new Error(`MODELS_DIR: ${modelsDir} holds no bundle; expected <name>/<version>/manifest.json`);
  const located = await Promise.all(asked.map((reference) => locate(modelsDir, reference, names)));
  // "name,name@1" may be the same bundle twice.
  return [...new Set(located)];
}

async function locate(modelsDir: string, reference: string, names: string[]): Promise<string> {
  const [name = '', version] = reference.split('@');
  if (!names.includes(name))
    throw new Error(`MODELS: no "${name}" in ${modelsDir}; there: ${names.join(', ') || 'none'}`);
  const versions = (await folders(join(modelsDir, name)))
    .filter((folder) => /^[1-9]\d*$/.test(folder))
    .sort((a, b) => Number(a) - Number(b));
  const chosen = version ?? versions.at(-1);
  if (chosen === undefined)
    throw new Error(`MODELS: "${name}" in ${modelsDir} has no version; they are folders named 1, 2, …`);
  if (!versions.includes(chosen))
    throw new Error(
      `MODELS: no version ${chosen} of "${name}" in ${modelsDir}; there: ${versions.join(', ') || 'none'}`,
    );
  return join(modelsDir, name, chosen);
}

async function folders(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) => {
    throw new Error(`MODELS_DIR: ${directory} cannot be read; it must be a folder of bundles`, { cause });
  });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
}
