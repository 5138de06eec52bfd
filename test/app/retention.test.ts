// Which ages the sweep gets from recipes: their own, and the configuration's for what they leave open.
import { expect, it } from '@jest/globals';
import { agesByRecipe } from '../../src/app/retention.js';
import { loadConfig } from '../../src/config.js';
import { type CurrentRecipe, recipeSchema } from '../../src/recipes/recipe.js';

const DAY_MS = 24 * 3600 * 1000;

it('takes what a recipe says over the configuration, and no recipe that says nothing', () => {
  const recipe = (id: string, retention?: object): CurrentRecipe => ({
    id,
    revision: 1,
    hash: 'h',
    origin: 'api',
    recipe: recipeSchema.parse(retention === undefined ? {} : { retention }),
    at: 'now',
  });
  const list = () => [
    recipe('plain'),
    recipe('pictures-only', { keepCaptures: 'all' }),
    recipe('law', { flaggedDays: 3650, okDays: 'unlimited', okImagesDays: 0 }),
  ];
  const config = loadConfig({ RETAIN_OK_DAYS: '100', RETAIN_FLAGGED_DAYS: '200' });
  expect([...agesByRecipe({ list }, config)]).toEqual([
    [
      'law',
      {
        images: { ok: 0, flagged: 365 * DAY_MS },
        records: { ok: Number.POSITIVE_INFINITY, flagged: 3650 * DAY_MS },
      },
    ],
  ]);
});

it('keeps images of flagged parts longer than those of OK ones, where nobody says otherwise', () => {
  const { retain } = loadConfig({});
  expect(retain.flaggedImagesDays).toBeGreaterThan(retain.okImagesDays);
  expect(retain.flaggedDays).toBeGreaterThanOrEqual(retain.okDays);
});
