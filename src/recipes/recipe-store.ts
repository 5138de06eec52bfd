// What every recipe store must do; the lmdb and redis adapters both pass the same contract tests.
import type { RecipeRevision } from './recipe.js';

/** Older ones are let go: what a line was judged by stands in its inspections. */
export const MAX_REVISIONS = 1000;

export interface RecipeStore {
  /** Whether other processes write here too. */
  readonly shared: boolean;
  /** The newest revision of every recipe, also of those that were deleted. */
  newest(): Promise<readonly RecipeRevision[]>;
  get(id: string, revision: number): Promise<RecipeRevision | undefined>;
  /**
   * Where it follows the newest by one: durable when it resolves. False where another writer came first; true again
   * for the very same revision. Of each recipe the last MAX_REVISIONS are kept.
   */
  add(revision: RecipeRevision): Promise<boolean>;
  close(): Promise<void>;
}
