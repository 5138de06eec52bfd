// The last values of something, as many and as old as the window allows, and how often each is among them.

export interface WindowSize {
  readonly maxCount: number;
  readonly maxAgeMs: number;
}

export class Window<T> {
  readonly #size: WindowSize;
  readonly #values: T[] = [];
  readonly #timesMs: number[] = [];
  readonly #counts = new Map<T, number>();

  constructor(size: WindowSize) {
    this.#size = size;
  }

  get length(): number {
    return this.#values.length;
  }

  add(value: T, atMs: number): void {
    this.#values.push(value);
    this.#timesMs.push(atMs);
    this.#counts.set(value, this.count(value) + 1);
    if (this.length > this.#size.maxCount) this.#forgetOldest();
    this.forgetOld(atMs);
  }

  forgetOld(nowMs: number): void {
    while ((this.oldestMs ?? nowMs) < nowMs - this.#size.maxAgeMs) this.#forgetOldest();
  }

  count(value: T): number {
    return this.#counts.get(value) ?? 0;
  }

  get oldestMs(): number | undefined {
    return this.#timesMs[0];
  }

  get newestMs(): number | undefined {
    return this.#timesMs.at(-1);
  }

  #forgetOldest(): void {
    const value = this.#values.shift() as T;
    this.#timesMs.shift();
    const left = this.count(value) - 1;
    if (left > 0) this.#counts.set(value, left);
    else this.#counts.delete(value);
  }
}
