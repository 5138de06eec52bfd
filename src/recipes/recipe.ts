// What a recipe says: thresholds, required modalities and model for one product on one line, and how it is named.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ModelRegistry } from '../bundle/registry.js';
import { canonicalJson } from '../canonical-json.js';
import { identifier, keepCaptures } from '../inspection.js';
import { maskFault, masksSchema } from './masks.js';

const ratio = z.number().min(0).max(1);

const thresholds = z
  .strictObject({ review: ratio, reject: ratio })
  .refine(({ review, reject }) => review <= reject, 'review must not exceed reject');

/** A modality that comes after its part was judged: written down, or answered by a revised inspection. */
const late = z.enum(['ignore', 'revise'], 'must be "ignore" or "revise"').default('ignore');
export type Late = z.infer<typeof late>;

/** Days, as RETAIN_* has them; `unlimited`: for ever. */
const DAYS = 'must be days, 0 to 36500, or "unlimited"';
const days = z.union([z.number().min(0, DAYS).max(36_500, DAYS), z.literal('unlimited')], DAYS);

/** How long inspections under this recipe are kept, and what of them; what is absent is the service's own. */
const retention = z.strictObject({
  okImagesDays: days.optional(),
  flaggedImagesDays: days.optional(),
  okDays: days.optional(),
  flaggedDays: days.optional(),
  keepCaptures: keepCaptures.optional(),
  keepOriginals: z.boolean().optional(),
});
export type RecipeRetention = z.infer<typeof retention>;

export const recipeSchema = z.strictObject({
  /** "name" or "name@version"; absent: the default model. */
  model: z.string().max(256).optional(),
  /** Absent: each branch's own. */
  thresholds: thresholds.optional(),
  /** By branch id; they go before `thresholds`. */
  thresholdsByBranch: z.record(z.string(), thresholds).optional(),
  /** Without these the part is NOT_DECIDABLE. */
  required: z.array(identifier).max(64).default([]),
  /** How long the pieces of one capture are waited for; absent: CAPTURE_MAX_WAIT_MS. */
  maxWaitMs: z.int().min(1).max(600_000).optional(),
  late,
  /** Where to look, and where not. */
  masks: masksSchema.optional(),
  /** As KEEP_* and RETAIN_* of the configuration. */
  retention: retention.optional(),
});
export type Recipe = z.infer<typeof recipeSchema>;

/** One revision, as it is stored. They count from 1 and never come again, also where a recipe was deleted between. */
export const recipeRevision = z.object({
  id: identifier,
  revision: z.int().min(1),
  /** sha256 over the canonical JSON of `recipe`. */
  hash: z.string(),
  /** Who wrote it: the file the service was started with, or a client. */
  origin: z.enum(['file', 'api']),
  /** null: this revision deleted it. */
  recipe: recipeSchema.nullable(),
  at: z.string(),
});
export type RecipeRevision = z.infer<typeof recipeRevision>;

/** One that is there. */
export type CurrentRecipe = RecipeRevision & { readonly recipe: Recipe };

export function hashOf(recipe: Recipe | null): string {
  return createHash('sha256').update(canonicalJson(recipe)).digest('hex');
}

/** Why the loaded models cannot serve it; undefined where they can. */
export function faultOf(recipe: Recipe, models: ModelRegistry): string | undefined {
  const { model, required, thresholdsByBranch = {}, masks = {} } = recipe;
  const bundle = model === undefined ? models.defaultBundle : models.find(model);
  if (bundle === undefined)
    return model === undefined
      ? 'names no model, and there is no default one'
      : `names model "${model}", which is not loaded; loaded: ${models.keys().join(', ')}`;
  const known = bundle.manifest.modalities.map(({ name }) => name);
  const unknown = required.find((name) => !known.includes(name));
  if (unknown !== undefined)
    return `requires "${unknown}", which ${bundle.key} does not know; it knows: ${known.join(', ')}`;
  const branches = bundle.manifest.branches.map(({ id }) => id);
  const stray = Object.keys(thresholdsByBranch).find((id) => !branches.includes(id));
  if (stray === undefined) return maskFault(masks, bundle);
  return `has thresholds for branch "${stray}", which ${bundle.key} has not; it has: ${branches.join(', ')}`;
}
