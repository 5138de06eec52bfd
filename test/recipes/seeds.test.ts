// RECIPES_FILE: what it may say, and how a wrong one is named.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModelRegistry } from '../../src/bundle/registry.js';
import { loadSeeds } from '../../src/recipes/seeds.js';
import { openTinyBundle } from '../support/tiny-bundle.js';

let folder: string;
let models: ModelRegistry;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-recipes-'));
  models = new ModelRegistry([await openTinyBundle()], undefined);
});
afterAll(() => rm(folder, { recursive: true }));

async function load(text: string) {
  const path = join(folder, 'recipes.json');
  await writeFile(path, text);
  return loadSeeds(path, models);
}

describe('loadSeeds', () => {
  it('reads recipes, all fields optional', async () => {
    const recipes = await load(
      '{"a":{},"b":{"model":"tiny@1","thresholds":{"review":0.4,"reject":0.6},"required":["rgb"]}}',
    );
    expect(recipes.a).toEqual({ required: [], late: 'ignore' });
    expect(recipes.b?.thresholds).toEqual({ review: 0.4, reject: 0.6 });
  });

  it.each([
    ['{', /is not JSON/],
    ['{"a":{"required":"rgb"}}', /a\.required/],
    ['{"a":{"thresholds":{"review":0.6,"reject":0.4}}}', /a\.thresholds review must not exceed reject/],
    ['{"a":{"model":"huge"}}', /recipe "a" names model "huge", which is not loaded; loaded: tiny@1/],
    [
      '{"a":{"required":["sonar"]}}',
      /recipe "a" requires "sonar", which tiny@1 does not know; it knows: acoustic/,
    ],
  ])('refuses %s', async (text, message) => {
    await expect(load(text)).rejects.toThrow(message);
  });

  it('names a file it cannot read', async () => {
    await expect(loadSeeds(join(folder, 'none.json'), models)).rejects.toThrow(
      /RECIPES_FILE: .*none\.json cannot be read/,
    );
  });
});
