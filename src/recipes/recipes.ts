// The recipes in force: read from memory by every capture, written through to the store, each change a revision.
import type { ModelRegistry } from '../bundle/registry.js';
import { ServiceError } from '../errors.js';
import { type CurrentRecipe, faultOf, hashOf, type Recipe, type RecipeRevision } from './recipe.js';
import type { RecipeStore } from './recipe-store.js';

export interface RecipesOptions {
  readonly store: RecipeStore;
  readonly models: ModelRegistry;
  readonly now: () => Date;
}

/** What must hold of the recipe for a change to be made. */
export interface Precondition {
  /** Revisions by their tags; '*': any that is there. */
  readonly ifMatch?: readonly string[] | undefined;
  /** Only where there is none yet. */
  readonly ifNone?: boolean;
}

/** More than a plant has products; beyond it a program goes round in a circle. */
const MAX_RECIPES = 1000;

export class Recipes {
  readonly #options: RecipesOptions;
  #byId = new Map<string, RecipeRevision>();

  constructor(options: RecipesOptions) {
    this.#options = options;
  }

  /** What other replicas wrote since. */
  async refresh(): Promise<void> {
    const newest = await this.#options.store.newest();
    // What is as it was stays the same object: masks are drawn once for each.
    this.#byId = new Map(newest.map((entry) => [entry.id, this.#known(entry) ?? entry]));
  }

  /** A recipe that a client wrote or deleted is left alone; one that came from a file follows the file. */
  async seed(recipes: Readonly<Record<string, Recipe>>): Promise<void> {
    for (const [id, recipe] of Object.entries(recipes)) {
      const held = this.#byId.get(id);
      if (held?.origin === 'api' || held?.hash === hashOf(recipe)) continue;
      // Where another replica was first, it read the same file.
      await this.#add(id, recipe, 'file');
    }
    await this.refresh();
  }

  list(): readonly CurrentRecipe[] {
    return [...this.#byId.values()].filter(isCurrent).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Throws ServiceError UNKNOWN_RECIPE, naming the known ones. */
  current(id: string): CurrentRecipe {
    const found = this.find(id);
    if (found !== undefined) return found;
    const ids = this.list().map((entry) => entry.id);
    const some = ids.length > 20 ? `${ids.slice(0, 20).join(', ')}, …` : ids.join(', ');
    throw new ServiceError('UNKNOWN_RECIPE', {
      detail: `There is no recipe "${id}"; known: ${some || 'none; write it with PUT /v1/recipes/{id}'}.`,
      part: 'metadata',
    });
  }

  find(id: string): CurrentRecipe | undefined {
    const found = this.#byId.get(id);
    return found !== undefined && isCurrent(found) ? found : undefined;
  }

  async revision(id: string, revision: number): Promise<RecipeRevision | undefined> {
    return this.#options.store.get(id, revision);
  }

  /**
   * What is the same as before makes no revision. Throws ServiceError BAD_RECIPE, PRECONDITION_FAILED,
   * BAD_REQUEST where there are too many, STORE_UNAVAILABLE.
   */
  async put(id: string, recipe: Recipe, precondition: Precondition = {}): Promise<CurrentRecipe> {
    const fault = faultOf(recipe, this.#options.models);
    if (fault !== undefined)
      throw new ServiceError('BAD_RECIPE', { detail: `Recipe "${id}" ${fault}.`, part: 'recipe' });
    await this.refresh();
    const held = this.#byId.get(id);
    this.#assert(id, precondition);
    if (held === undefined && this.#byId.size >= MAX_RECIPES)
      throw new ServiceError('BAD_REQUEST', {
        detail: `There are ${MAX_RECIPES} recipes already, deleted ones included; use one of them.`,
      });
    // From a file to a client's: from now on the file is not followed.
    if (held?.origin === 'api' && held.hash === hashOf(recipe) && isCurrent(held)) return held;
    const added = await this.#add(id, recipe, 'api');
    if (added === undefined) throw changed(id);
    return { ...added, recipe };
  }

  /** Throws ServiceError NOT_FOUND, PRECONDITION_FAILED, STORE_UNAVAILABLE. */
  async delete(id: string, precondition: Precondition = {}): Promise<void> {
    await this.refresh();
    if (this.find(id) === undefined) throw noRecipe(id);
    this.#assert(id, precondition);
    if ((await this.#add(id, null, 'api')) === undefined) throw changed(id);
  }

  #known({ id, revision, hash }: RecipeRevision): RecipeRevision | undefined {
    const held = this.#byId.get(id);
    return held?.revision === revision && held.hash === hash ? held : undefined;
  }

  #assert(id: string, { ifMatch, ifNone }: Precondition): void {
    const held = this.find(id);
    if (ifNone && held !== undefined)
      throw new ServiceError('PRECONDITION_FAILED', {
        detail: `Recipe "${id}" is there already, in revision ${held.revision}; write over it with If-Match.`,
      });
    if (ifMatch === undefined) return;
    if (held === undefined || !(ifMatch.includes('*') || ifMatch.includes(tagOf(held))))
      throw changed(id, held);
  }

  async #add(id: string, recipe: Recipe | null, origin: 'file' | 'api'): Promise<RecipeRevision | undefined> {
    const { store, now } = this.#options;
    const revision = (this.#byId.get(id)?.revision ?? 0) + 1;
    const entry = { id, revision, hash: hashOf(recipe), origin, recipe, at: now().toISOString() };
    if (!(await store.add(entry))) return undefined;
    this.#byId.set(id, entry);
    return entry;
  }
}

/** The ETag of a revision. */
export function tagOf({ revision, hash }: Pick<RecipeRevision, 'revision' | 'hash'>): string {
  return `"${revision}-${hash.slice(0, 16)}"`;
}

export function noRecipe(id: string): ServiceError {
  return new ServiceError('NOT_FOUND', {
    detail: `There is no recipe "${id}"; GET /v1/recipes lists those there are.`,
    part: 'id',
  });
}

function changed(id: string, held?: RecipeRevision): ServiceError {
  const now = held === undefined ? '' : `, it is in revision ${held.revision} now, ${tagOf(held)}`;
  return new ServiceError('PRECONDITION_FAILED', {
    detail: `Recipe "${id}" is not what If-Match says${now}; read it again, and write what you mean on top of that.`,
  });
}

function isCurrent(entry: RecipeRevision): entry is CurrentRecipe {
  return entry.recipe !== null;
}
