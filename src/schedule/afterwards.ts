// What a capture still takes after its run, until its answer leaves: a running estimate on the safe side.

/** Gains and form of RFC 6298, which estimates round trips the same way. */
const MEAN_GAIN = 1 / 8;
const DEVIATION_GAIN = 1 / 4;
const DEVIATIONS = 2;

export class Afterwards {
  #meanMs: number | undefined;
  #deviationMs = 0;

  observe(ms: number): void {
    if (this.#meanMs === undefined) {
      this.#meanMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    this.#deviationMs += DEVIATION_GAIN * (Math.abs(ms - this.#meanMs) - this.#deviationMs);
    this.#meanMs += MEAN_GAIN * (ms - this.#meanMs);
  }

  /** 0 before the first observation. */
  get estimateMs(): number {
    return (this.#meanMs ?? 0) + DEVIATIONS * this.#deviationMs;
  }
}
