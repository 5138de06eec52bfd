// Removes, round by round, what the configuration does not keep, and reports how full the store is.
import type { Config } from '../config.js';
import type { Metrics } from '../metrics/metrics.js';
import type { RecipeRetention } from '../recipes/recipe.js';
import type { Recipes } from '../recipes/recipes.js';
import { type Ages, createRetention, type RetentionPolicy } from '../store/retention.js';
import type { ResultStore, Usage } from '../store/store.js';
import type { Log } from './inference.js';

const DAY_MS = 24 * 3600 * 1000;
const ROUND_MS = 60_000;

export function openRetention(
  config: Config,
  store: ResultStore,
  recipes: Pick<Recipes, 'list'>,
  metrics: Pick<Metrics, 'removed' | 'heldBack' | 'storeUsage'>,
  log: Log,
): { close(): Promise<void> } {
  const policy = policyOf(config);
  const retention = createRetention({
    store,
    policy,
    agesByRecipe: () => agesByRecipe(recipes, config),
    nowMs: Date.now,
    onRemoved: metrics.removed,
    onHeldBack: (ageMs) => metrics.heldBack(ageMs / 1000),
    onUsage: (usage) => metrics.storeUsage(usage, fillOf(usage, policy)),
  });
  const closing = new AbortController();
  let round: Promise<void> | undefined;
  const sweep = () => {
    // Two rounds at once would go by the same cursors: one that takes longer than a minute stands for the next.
    round ??= retention
      .sweep(closing.signal)
      .catch((error: Error) => {
        log.error(
          { err: error },
          'what is kept too long could not be removed; it is tried again in a minute',
        );
      })
      .finally(() => {
        round = undefined;
      });
  };
  sweep();
  const timer = setInterval(sweep, ROUND_MS);
  return {
    close: async () => {
      clearInterval(timer);
      closing.abort();
      await round;
    },
  };
}

/** 0 to 1: how near the nearest limit is. */
function fillOf({ records, bytes, freeBytes }: Usage, policy: RetentionPolicy): number {
  const ofDisk = freeBytes === undefined ? 0 : (bytes + policy.minFreeBytes) / (bytes + freeBytes);
  return Math.min(1, Math.max(records / policy.maxRecords, bytes / policy.maxBytes, ofDisk));
}

function policyOf({ retain }: Config): RetentionPolicy {
  const { unackedDays, maxRecords, maxBytes, minFreeBytes } = retain;
  return { ages: agesOf(retain), unackedMs: unackedDays * DAY_MS, maxRecords, maxBytes, minFreeBytes };
}

/** Of the recipes that have ages of their own; what they leave open is the configuration's. */
export function agesByRecipe(
  recipes: Pick<Recipes, 'list'>,
  { retain }: Pick<Config, 'retain'>,
): ReadonlyMap<string, Ages> {
  return new Map(
    recipes.list().flatMap(({ id, recipe: { retention } }): [string, Ages][] => {
      const own = ownDays(retention);
      return Object.keys(own).length === 0 ? [] : [[id, agesOf({ ...retain, ...own })]];
    }),
  );
}

type Days = Record<(typeof DAYS)[number], number>;
const DAYS = ['okImagesDays', 'flaggedImagesDays', 'okDays', 'flaggedDays'] as const;

function ownDays(retention: RecipeRetention = {}): Partial<Days> {
  const given = DAYS.flatMap((name) => {
    const days = retention[name];
    return days === undefined ? [] : [[name, days === 'unlimited' ? Number.POSITIVE_INFINITY : days]];
  });
  return Object.fromEntries(given);
}

function agesOf({ okImagesDays, flaggedImagesDays, okDays, flaggedDays }: Days): Ages {
  return {
    images: { ok: okImagesDays * DAY_MS, flagged: flaggedImagesDays * DAY_MS },
    records: { ok: okDays * DAY_MS, flagged: flaggedDays * DAY_MS },
  };
}
