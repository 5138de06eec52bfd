// How long a run of n samples takes: a running fit of time = a·n + b that forgets old runs.

/** What each run before it still counts: about the last twenty decide. */
const MEMORY = 0.95;
/** Below this variance of n (all runs were of one size) a slope would be noise. */
const LEAST_VARIANCE = 1e-3;

/** Exponentially weighted least squares, kept as five sums. */
export class RunTimeFit {
  #weight = 0;
  #n = 0;
  #nn = 0;
  #ms = 0;
  #nms = 0;
  #perSampleMs = 0;
  #baseMs = 0;

  observe(n: number, ms: number): void {
    this.#weight = this.#weight * MEMORY + 1;
    this.#n = this.#n * MEMORY + n;
    this.#nn = this.#nn * MEMORY + n * n;
    this.#ms = this.#ms * MEMORY + ms;
    this.#nms = this.#nms * MEMORY + n * ms;
    this.#solve();
  }

  /** 0 before the first observation: who knows nothing refuses nobody. */
  estimateMs(n: number): number {
    return this.#perSampleMs * n + this.#baseMs;
  }

  /** Neither slope nor base is ever negative; a line that says so is replaced by the nearest that does not. */
  #solve(): void {
    const meanN = this.#n / this.#weight;
    const meanMs = this.#ms / this.#weight;
    const variance = this.#nn / this.#weight - meanN ** 2;
    const slope = (this.#nms / this.#weight - meanN * meanMs) / variance;
    if (variance < LEAST_VARIANCE || slope * meanN > meanMs) {
      // Through the origin: of sizes never run it says rather too much than too little.
      this.#perSampleMs = this.#nms / this.#nn;
      this.#baseMs = 0;
    } else {
      this.#perSampleMs = Math.max(0, slope);
      this.#baseMs = meanMs - this.#perSampleMs * meanN;
    }
  }
}
