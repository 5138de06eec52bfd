// The recipes a service is started with: RECIPES_FILE, read once.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ModelRegistry } from '../bundle/registry.js';
import { identifier } from '../inspection.js';
import { faultOf, type Recipe, recipeSchema } from './recipe.js';

const recipeFile = z.record(identifier, recipeSchema);

/** Throws an Error of one line where the file is not right, or names a model or modality that is not loaded. */
export async function loadSeeds(
  path: string,
  models: ModelRegistry,
): Promise<Readonly<Record<string, Recipe>>> {
  const fail = (what: string, cause?: unknown): never => {
    throw new Error(`RECIPES_FILE: ${path} ${what}`, { cause });
  };
  const text = await readFile(path, 'utf8').catch((cause: unknown) => fail('cannot be read', cause));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    fail(`is not JSON: ${(cause as Error).message}`, cause);
  }
  const parsed = recipeFile.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return fail(`is not right: ${z.core.toDotPath(issue?.path ?? [])} ${issue?.message}`);
  }
  for (const [id, entry] of Object.entries(parsed.data)) {
    const fault = faultOf(entry, models);
    if (fault !== undefined) fail(`recipe "${id}" ${fault}`);
  }
  return parsed.data;
}
