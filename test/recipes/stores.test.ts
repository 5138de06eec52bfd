// What every recipe store must do: the same tests for both adapters.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLmdbRecipes } from '../../src/recipes/lmdb.js';
import { hashOf, type RecipeRevision } from '../../src/recipes/recipe.js';
import { MAX_REVISIONS, type RecipeStore } from '../../src/recipes/recipe-store.js';
import { createRedisRecipes } from '../../src/recipes/redis.js';
import { redisOfThisFile } from '../support/redis-of-this-file.js';

const redis = redisOfThisFile();

let places = 0;
const newPlace = {
  lmdb: async () => {
    const path = await mkdtemp(join(tmpdir(), 'branchline-recipes-'));
    return { open: () => openLmdbRecipes({ path }), remove: () => rm(path, { recursive: true }) };
  },
  redis: async () => {
    const keyPrefix = `recipes${places++}:`;
    return { open: () => createRedisRecipes({ redis: redis(), keyPrefix }), remove: async () => {} };
  },
};

function aRevision(id: string, revision: number, maxWaitMs = revision): RecipeRevision {
  const recipe = { required: ['rgb'], late: 'ignore' as const, maxWaitMs };
  return { id, revision, hash: hashOf(recipe), origin: 'api', recipe, at: new Date(0).toISOString() };
}

describe.each(['lmdb', 'redis'] as const)('%s: recipe store', (kind) => {
  let place: { open(): RecipeStore; remove(): Promise<void> };
  let store: RecipeStore;
  beforeEach(async () => {
    place = await newPlace[kind]();
    store = place.open();
  });
  afterEach(async () => {
    await store.close();
    await place.remove();
  });

  it('keeps every revision and lists the newest, also after it was closed', async () => {
    const deleted = { ...aRevision('b', 2), recipe: null, hash: hashOf(null) };
    for (const entry of [aRevision('a', 1), aRevision('a', 2), aRevision('b', 1), deleted])
      expect(await store.add(entry)).toBe(true);
    await store.close();
    store = place.open();
    const newest = [...(await store.newest())].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(newest).toEqual([aRevision('a', 2), deleted]);
    expect(await store.get('a', 1)).toEqual(aRevision('a', 1));
    expect(await store.get('a', 3)).toBeUndefined();
    expect(await store.get('c', 1)).toBeUndefined();
  });

  it('takes the next revision alone, of many that are written at once', async () => {
    expect(await store.add(aRevision('a', 2))).toBe(false);
    const outcomes = await Promise.all([1, 2, 3, 4].map((wait) => store.add(aRevision('a', 1, wait))));
    expect(outcomes.filter((added) => added)).toHaveLength(1);
    const held = (await store.get('a', 1)) as RecipeRevision;
    // Sent again, because its reply was lost.
    expect(await store.add(held)).toBe(true);
    expect(await store.newest()).toEqual([held]);
  });

  it('lets the oldest revisions go', async () => {
    for (let i = 1; i <= MAX_REVISIONS + 1; i++) {
      const added = store.add(aRevision('a', i));
      if (i % 200 === 0 || i > MAX_REVISIONS) expect(await added).toBe(true);
    }
    expect(await store.get('a', 1)).toBeUndefined();
    expect(await store.get('a', 2)).toBeDefined();
  });
});
