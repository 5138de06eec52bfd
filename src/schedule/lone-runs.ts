// Gives a run that has the machine to itself all of its cores; where there are several, each has one.
import type { RunResult } from '../worker/inference-worker.js';
import type { Turn } from '../worker/protocol.js';
import type { Runner } from './scheduler.js';

/** As much of the workers as is asked for here. */
export interface Workers extends Runner {
  /** Those that run, also those that do not come back from it. */
  readonly busy: number;
  close(): Promise<void>;
}

export class LoneRuns implements Runner {
  readonly #workers: Workers;
  readonly #opening: Promise<void>;
  /** A worker beside the others, whose runs are spread over the cores. */
  #lone: Workers | undefined;
  #closing = false;

  /** Until `open` resolves, and where it rejects, every run is one among others. `workers` are closed by their owner. */
  constructor(workers: Workers, open: () => Promise<Workers>, onFailed: (error: Error) => void) {
    this.#workers = workers;
    this.#opening = open().then((lone) => {
      this.#lone = lone;
    }, onFailed);
  }

  /** A lone run stands in the place of another: no more are under way than there are workers. */
  get idle(): number {
    const lone = this.#lone;
    return Math.max(0, this.#workers.idle - (lone === undefined ? 0 : lone.alive - lone.idle));
  }

  get alive(): number {
    return this.#workers.alive;
  }

  /** Lone runs under way. */
  get busy(): number {
    return this.#lone?.busy ?? 0;
  }

  /** Throws as the workers'. */
  async run(turn: Turn, expectedMs: number): Promise<readonly RunResult[]> {
    const lone = this.#lone;
    const isAlone = this.#workers.idle === this.#workers.alive;
    if (lone === undefined || !isAlone || lone.idle === 0 || this.#closing)
      return this.#workers.run(turn, expectedMs);
    const results = await lone.run(turn, expectedMs);
    // What it took says nothing of a run among others, and the door must not promise by it.
    return results.map(({ outcomes }) => ({ outcomes, graphs: [] }));
  }

  /** Lets a run end; runs that come later are the workers'. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#opening;
    await this.#lone?.close();
  }
}
