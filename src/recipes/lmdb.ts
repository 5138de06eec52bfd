// The embedded recipe store: LMDB in a folder of its own beside the results, one process.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { canonicalJson } from '../canonical-json.js';
import { type RecipeRevision, recipeRevision } from './recipe.js';
import { MAX_REVISIONS, type RecipeStore } from './recipe-store.js';

/** The folder must be held by one process alone. Throws a one-line Error where it cannot be opened. */
export function openLmdbRecipes(options: { readonly path: string }): RecipeStore {
  const path = resolve(options.path);
  try {
    mkdirSync(path, { recursive: true });
    const root = open({ path, noSubdir: false, maxDbs: 4 });
    const newest = root.openDB<number, string>({ name: 'newest', encoding: 'json' });
    const revisions = root.openDB<RecipeRevision, [string, number]>({ name: 'revisions', encoding: 'json' });
    return new LmdbRecipes(root, newest, revisions);
  } catch (cause) {
    throw new Error(`The recipe store ${path} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

class LmdbRecipes implements RecipeStore {
  readonly shared = false;
  readonly #root: RootDatabase;
  readonly #newest: Database<number, string>;
  readonly #revisions: Database<RecipeRevision, [string, number]>;

  constructor(
    root: RootDatabase,
    newest: Database<number, string>,
    revisions: Database<RecipeRevision, [string, number]>,
  ) {
    this.#root = root;
    this.#newest = newest;
    this.#revisions = revisions;
  }

  async newest(): Promise<readonly RecipeRevision[]> {
    return [...this.#newest.getRange()].map(({ key, value }) =>
      recipeRevision.parse(this.#revisions.get([key, value])),
    );
  }

  async get(id: string, revision: number): Promise<RecipeRevision | undefined> {
    const found = this.#revisions.get([id, revision]);
    return found && recipeRevision.parse(found);
  }

  async add(entry: RecipeRevision): Promise<boolean> {
    const { id, revision } = entry;
    const added = await this.#root.transaction(() => {
      const newest = this.#newest.get(id) ?? 0;
      if (newest === revision)
        return canonicalJson(this.#revisions.get([id, revision])) === canonicalJson(entry);
      if (newest !== revision - 1) return false;
      this.#newest.putSync(id, revision);
      this.#revisions.putSync([id, revision], entry);
      this.#revisions.removeSync([id, revision - MAX_REVISIONS]);
      return true;
    });
    await this.#root.flushed;
    return added;
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}
