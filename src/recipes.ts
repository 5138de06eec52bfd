// Recipes: thresholds, required modalities and model for one product on one line.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ModelRegistry } from './bundle/registry.js';
import { ServiceError } from './errors.js';

const ratio = z.number().min(0).max(1);

/** A modality that comes after its part was judged: written down, or answered by a revised inspection. */
const late = z.enum(['ignore', 'revise'], 'must be "ignore" or "revise"').default('ignore');
export type Late = z.infer<typeof late>;

const recipe = z.strictObject({
  /** "name" or "name@version"; absent: the default model. */
  model: z.string().optional(),
  /** Absent: each branch's own. */
  thresholds: z
    .strictObject({ review: ratio, reject: ratio })
    .refine(({ review, reject }) => review <= reject, 'review must not exceed reject')
    .optional(),
  /** Without these the part is NOT_DECIDABLE. */
  required: z.array(z.string()).default([]),
  /** How long the pieces of one capture are waited for; absent: CAPTURE_MAX_WAIT_MS. */
  maxWaitMs: z.int().min(1).max(600_000).optional(),
  late,
});
export type Recipe = z.infer<typeof recipe>;

const recipeFile = z.record(z.string().min(1).max(128), recipe);

export class Recipes {
  readonly #byId: ReadonlyMap<string, Recipe>;

  constructor(byId: Readonly<Record<string, Recipe>>) {
    this.#byId = new Map(Object.entries(byId));
  }

  /** Throws ServiceError UNKNOWN_RECIPE, naming the known ones. */
  get(id: string): Recipe {
    const found = this.#byId.get(id);
    if (found !== undefined) return found;
    const known = [...this.#byId.keys()].join(', ') || 'none; set RECIPES_FILE';
    throw new ServiceError('UNKNOWN_RECIPE', {
      detail: `There is no recipe "${id}"; known: ${known}.`,
      part: 'metadata',
    });
  }
}

/** Throws an Error of one line where the file is not right, or names a model or modality that is not loaded. */
export async function loadRecipes(path: string, models: ModelRegistry): Promise<Recipes> {
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
  return new Recipes(parsed.data);
}

function faultOf({ model, required }: Recipe, models: ModelRegistry): string | undefined {
  const bundle = model === undefined ? models.defaultBundle : models.find(model);
  if (bundle === undefined)
    return model === undefined
      ? 'names no model, and there is no default one'
      : `names model "${model}", which is not loaded; loaded: ${models.keys().join(', ')}`;
  const known = bundle.manifest.modalities.map(({ name }) => name);
  const unknown = required.find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return `requires "${unknown}", which ${bundle.key} does not know; it knows: ${known.join(', ')}`;
}
