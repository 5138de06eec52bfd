// Gives names that clients choose a bounded set of labels, so that no client can make series without end.

/** For whatever is not known, or comes after the last place is taken. */
export const OTHER = 'other';

/** Lines, and consumers of the feed, that get a series of their own. */
export const MAX_NAMES = 50;

/** Where `known` holds names, exactly those are labels; otherwise the first `MAX_NAMES` that come. */
export class BoundedLabels {
  readonly #names: Set<string>;
  readonly #closed: boolean;

  constructor(known: readonly string[] = []) {
    this.#names = new Set(known);
    this.#closed = known.length > 0;
  }

  of(name: string): string {
    if (this.#names.has(name)) return name;
    if (this.#closed || this.#names.size >= MAX_NAMES) return OTHER;
    this.#names.add(name);
    return name;
  }
}
