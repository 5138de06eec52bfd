// Which model and which rules a capture gets.
import type { Bundle } from '../bundle/bundle.js';
import type { ModelRegistry } from '../bundle/registry.js';
import { ServiceError } from '../errors.js';
import type { CaptureMetadata } from '../inspection.js';
import type { Masks } from '../recipes/masks.js';
import type { Recipe } from '../recipes/recipe.js';
import type { Recipes } from '../recipes/recipes.js';
import type { Thresholds } from '../verdict/judge.js';
import type { ImagePolicy } from './keep-images.js';

export interface Assignment {
  readonly bundle: Bundle;
  /** undefined: the branch's own. */
  readonly thresholds: Thresholds | undefined;
  /** By branch id; they go before. */
  readonly thresholdsByBranch: Readonly<Record<string, Thresholds>>;
  /** As it is now; null: none was named. */
  readonly recipe: { readonly revision: number; readonly hash: string } | null;
  readonly required: readonly string[];
  readonly masks: Masks | undefined;
  /** Of the recipe; what it leaves open is the service's. */
  readonly imagePolicy: Partial<ImagePolicy>;
}

/** Throws ServiceError UNKNOWN_RECIPE, UNKNOWN_MODEL, BAD_REQUEST. */
export function assign(
  metadata: CaptureMetadata,
  askedModel: string | undefined,
  models: ModelRegistry,
  recipes: Recipes,
): Assignment {
  const current = metadata.recipe === undefined ? undefined : recipes.current(metadata.recipe);
  const recipe = current?.recipe;
  const bundle = models.resolve(askedModel ?? recipe?.model);
  if (recipe?.model !== undefined && models.resolve(recipe.model) !== bundle)
    throw new ServiceError('BAD_REQUEST', {
      detail: `Recipe "${metadata.recipe}" is for model ${recipe.model}; leave out model=${askedModel}.`,
    });
  return {
    bundle,
    thresholds: recipe?.thresholds,
    thresholdsByBranch: recipe?.thresholdsByBranch ?? {},
    required: recipe?.required ?? [],
    masks: recipe?.masks,
    imagePolicy: imagePolicyOf(recipe?.retention),
    recipe: current === undefined ? null : { revision: current.revision, hash: current.hash },
  };
}

function imagePolicyOf({
  keepCaptures,
  keepOriginals,
}: NonNullable<Recipe['retention']> = {}): Partial<ImagePolicy> {
  return {
    ...(keepCaptures === undefined ? {} : { captures: keepCaptures }),
    ...(keepOriginals === undefined ? {} : { originals: keepOriginals }),
  };
}
