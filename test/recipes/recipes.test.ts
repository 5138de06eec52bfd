// The recipes in force: revisions, who may write over what, and which of file and client wins.
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ModelRegistry } from '../../src/bundle/registry.js';
import { hashOf, type Recipe, recipeSchema } from '../../src/recipes/recipe.js';
import type { RecipeStore } from '../../src/recipes/recipe-store.js';
import { type Recipes, tagOf } from '../../src/recipes/recipes.js';
import { openTinyBundle } from '../support/tiny-bundle.js';
import { recipesInMemory, storeInMemory } from './support.js';

let models: ModelRegistry;
let store: RecipeStore;
let recipes: Recipes;
beforeAll(async () => {
  models = new ModelRegistry([await openTinyBundle()], undefined);
});
beforeEach(() => {
  store = storeInMemory();
  recipes = recipesInMemory(models, store);
});
const aRecipe = (changes: object = {}): Recipe => recipeSchema.parse(changes);
const restarted = async (seeds: Record<string, Recipe>) => {
  const next = recipesInMemory(models, store);
  await next.refresh();
  await next.seed(seeds);
  return next;
};

it('counts revisions, names each by its hash, and makes none where nothing changed', async () => {
  const one = await recipes.put('a', aRecipe());
  const two = await recipes.put('a', aRecipe({ required: ['rgb'] }));
  expect([one.revision, two.revision]).toEqual([1, 2]);
  expect(two.hash).toBe(hashOf({ late: 'ignore', required: ['rgb'] }));
  expect(two.hash).not.toBe(one.hash);
  expect((await recipes.put('a', aRecipe({ required: ['rgb'] }))).revision).toBe(2);
  expect(recipes.current('a')).toEqual(two);
  expect(await recipes.revision('a', 1)).toEqual(one);
});

it('is the same object after it was read again unchanged, and another where another replica wrote', async () => {
  const afresh = { ...store, newest: async () => structuredClone(await store.newest()) };
  const reader = recipesInMemory(models, afresh);
  await recipes.put('a', aRecipe());
  await reader.refresh();
  const read = reader.current('a').recipe;
  await reader.refresh();
  expect(reader.current('a').recipe).toBe(read);
  await recipes.put('a', aRecipe({ required: ['rgb'] }));
  await reader.refresh();
  expect(reader.current('a').recipe.required).toEqual(['rgb']);
});

it('goes on counting after it was deleted', async () => {
  await recipes.put('a', aRecipe());
  await recipes.delete('a');
  expect(recipes.find('a')).toBeUndefined();
  expect(recipes.list()).toEqual([]);
  expect(() => recipes.current('a')).toThrow(expect.objectContaining({ code: 'UNKNOWN_RECIPE' }));
  await expect(recipes.delete('a')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect((await recipes.put('a', aRecipe())).revision).toBe(3);
});

it('names the known ones where one is unknown', async () => {
  await recipes.put('a', aRecipe());
  await recipes.put('b', aRecipe());
  expect(() => recipes.current('c')).toThrow(
    expect.objectContaining({ code: 'UNKNOWN_RECIPE', message: 'There is no recipe "c"; known: a, b.' }),
  );
});

it('lets nobody write over what they have not read', async () => {
  const one = await recipes.put('a', aRecipe());
  await recipes.put('a', aRecipe({ late: 'revise' }), { ifMatch: [tagOf(one)] });
  for (const change of [
    () => recipes.put('a', aRecipe({ maxWaitMs: 5 }), { ifMatch: [tagOf(one)] }),
    () => recipes.put('a', aRecipe({ maxWaitMs: 5 }), { ifNone: true }),
    () => recipes.put('b', aRecipe(), { ifMatch: ['*'] }),
    () => recipes.delete('a', { ifMatch: [tagOf(one)] }),
  ])
    await expect(change()).rejects.toMatchObject({ code: 'PRECONDITION_FAILED', status: 412 });
  expect(recipes.current('a').revision).toBe(2);
});

it('sees what another replica wrote, and does not write over it unseen', async () => {
  const other = recipesInMemory(models, store);
  await other.put('a', aRecipe());
  await recipes.put('a', aRecipe({ late: 'revise' }));
  expect(recipes.current('a').revision).toBe(2);
  await other.refresh();
  expect(other.current('a').recipe.late).toBe('revise');
});

it.each([
  [{ model: 'huge' }, /names model "huge", which is not loaded; loaded: tiny@1/],
  [{ required: ['sonar'] }, /requires "sonar", which tiny@1 does not know/],
  [
    { thresholdsByBranch: { 'rgb+sonar': { review: 0.1, reject: 0.2 } } },
    /has thresholds for branch "rgb\+sonar"/,
  ],
])('refuses what the loaded models cannot serve: %j', async (changes, message) => {
  await expect(recipes.put('a', aRecipe(changes))).rejects.toMatchObject({
    code: 'BAD_RECIPE',
    message: expect.stringMatching(message),
  });
  expect(recipes.list()).toEqual([]);
});

describe('a recipe from the file', () => {
  it('follows the file from start to start', async () => {
    const first = await restarted({ a: aRecipe() });
    expect(first.current('a')).toMatchObject({ revision: 1, origin: 'file' });
    expect((await restarted({ a: aRecipe() })).current('a').revision).toBe(1);
    const changed = await restarted({ a: aRecipe({ late: 'revise' }) });
    expect(changed.current('a')).toMatchObject({ revision: 2, recipe: { late: 'revise' } });
  });

  it('gives way to what a client wrote, or deleted, from then on', async () => {
    const first = await restarted({ a: aRecipe(), b: aRecipe() });
    await first.put('a', aRecipe({ maxWaitMs: 7 }));
    await first.delete('b');
    const second = await restarted({ a: aRecipe({ late: 'revise' }), b: aRecipe() });
    expect(second.current('a')).toMatchObject({ revision: 2, origin: 'api', recipe: { maxWaitMs: 7 } });
    expect(second.find('b')).toBeUndefined();
  });
});
