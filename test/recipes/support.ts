// Recipes whose store is a list in memory.
import type { ModelRegistry } from '../../src/bundle/registry.js';
import type { RecipeRevision } from '../../src/recipes/recipe.js';
import type { RecipeStore } from '../../src/recipes/recipe-store.js';
import { Recipes } from '../../src/recipes/recipes.js';

export function storeInMemory(): RecipeStore {
  const all: RecipeRevision[] = [];
  const newestOf = (id: string) => all.findLast((entry) => entry.id === id);
  return {
    shared: false,
    newest: async () => [...new Set(all.map(({ id }) => id))].flatMap((id) => newestOf(id) ?? []),
    get: async (id, revision) => all.find((entry) => entry.id === id && entry.revision === revision),
    add: async (entry) => {
      if (entry.revision !== (newestOf(entry.id)?.revision ?? 0) + 1) return false;
      all.push(entry);
      return true;
    },
    close: async () => {},
  };
}

export const recipesInMemory = (models: ModelRegistry, store = storeInMemory()): Recipes =>
  new Recipes({ store, models, now: () => new Date(0) });
