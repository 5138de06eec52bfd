// Opens the recipes: their store beside the results, what the file seeds, and what other replicas write.
import { join } from 'node:path';
import type { ModelRegistry } from '../bundle/registry.js';
import type { Config } from '../config.js';
import { openLmdbRecipes } from '../recipes/lmdb.js';
import { faultOf, type Recipe } from '../recipes/recipe.js';
import { Recipes } from '../recipes/recipes.js';
import { createRedisRecipes } from '../recipes/redis.js';
import type { Log } from './inference.js';
import type { Storage } from './storage.js';

export interface OpenRecipes {
  readonly recipes: Recipes;
  close(): Promise<void>;
}

const KEY_PREFIX = '{branchline-recipes}:';
/** How late a replica sees what another one wrote. */
const REFRESH_MS = 1000;

/** Throws an Error of one line where the store cannot be opened. */
export async function openRecipes(
  config: Config,
  models: ModelRegistry,
  storage: Storage,
  seeds: Readonly<Record<string, Recipe>>,
  log: Log,
): Promise<OpenRecipes> {
  const store =
    storage.redis === undefined
      ? openLmdbRecipes({ path: join(config.storePath, 'recipes') })
      : createRedisRecipes({ redis: storage.redis, keyPrefix: KEY_PREFIX });
  const recipes = new Recipes({ store, models, now: () => new Date() });
  await recipes.refresh();
  await recipes.seed(seeds);
  // No reason not to start: the captures of other products must be judged.
  for (const { id, recipe } of recipes.list()) {
    const fault = faultOf(recipe, models);
    if (fault !== undefined) log.error({ recipe: id }, `recipe "${id}" ${fault}; its captures are refused`);
  }
  const refresh = () =>
    recipes
      .refresh()
      .catch((error: Error) => log.error({ err: error }, 'the recipes could not be read again'));
  const timer = store.shared ? setInterval(refresh, REFRESH_MS) : undefined;
  return {
    recipes,
    close: async () => {
      clearInterval(timer);
      await store.close();
    },
  };
}
