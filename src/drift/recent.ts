// Values by key, of which only those asked for last are kept: clients choose the keys.

export class Recent<V> {
  readonly #values = new Map<string, V>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** The value of `key`, or a new one in place of that which was not asked for longest. */
  of(key: string, make: () => V): V {
    const value = this.#values.get(key) ?? make();
    // A map keeps the order in which keys were set.
    this.#values.delete(key);
    this.#values.set(key, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#max && oldest !== undefined) this.#values.delete(oldest);
    return value;
  }

  /** Without those that `isOver`, which are forgotten. */
  current(isOver: (value: V) => boolean): V[] {
    for (const [key, value] of this.#values) if (isOver(value)) this.#values.delete(key);
    return [...this.#values.values()];
  }
}
