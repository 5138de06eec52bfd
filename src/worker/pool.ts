// The inference threads: gives each turn to an idle one, replaces the dead, drains them all before the exit.
import { ServiceError } from '../errors.js';
import { InferenceWorker, type RunResult } from './inference-worker.js';
import type { ProviderReport, Startup, Turn } from './protocol.js';

export type RunTurn = (turn: Turn) => Promise<readonly RunResult[]>;

/** A run that takes longer than both is stuck. */
export interface StuckLimits {
  /** Times what the run was expected to take. */
  readonly factor: number;
  /** Whatever was expected: a machine that was suspended for a moment is no stuck worker. */
  readonly floorMs: number;
}

export interface PoolOptions {
  readonly entry: URL;
  /** By what the first thread runs on; it is started alone where that is not known before. */
  readonly workers: number | ((provider: string) => number);
  /** Made anew for each thread, since its buffers are moved there. */
  readonly startup: () => Promise<Startup>;
  /** Proves and warms a thread before it gets work; a throw keeps it out. */
  readonly admit: (run: RunTurn, provider: string) => Promise<void>;
  readonly stuck: StuckLimits;
  /** Calls back after `ms`, unless what it returns is called before. Injected so that no test sleeps. */
  readonly after: (ms: number, callBack: () => void) => () => void;
  /** One thread at a time: two WebGPU threads that start at once crash the process, measured. */
  readonly startSerially: boolean;
  /** A thread has become idle, also a replaced one. */
  readonly onIdle: () => void;
  readonly onLost: (why: Error) => void;
  readonly onStuck: (afterMs: number) => void;
  readonly onReplaceFailed: (why: Error) => void;
  /** Waits before the nth attempt to replace a thread. Injected so that no test sleeps. */
  readonly pause: (attempt: number) => Promise<void>;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #idle: InferenceWorker[] = [];
  readonly #alive = new Set<InferenceWorker>();
  readonly #starting = new Set<Promise<void>>();
  #wanted = 1;
  /** In a run that nobody waits for any more. */
  readonly #stuck = new Set<InferenceWorker>();
  /** Threads that start, or pause before another attempt. */
  #coming = 0;
  #provider: ProviderReport | undefined;
  #closing = false;

  private constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Throws the first thread's Error where one cannot start; the others are drained. */
  static async open(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    const { workers } = options;
    try {
      if (typeof workers === 'function') {
        await pool.#startMissing();
        pool.#wanted = workers(pool.provider.active);
      } else pool.#wanted = workers;
      await pool.#startMissing();
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  get idle(): number {
    return this.#idle.length;
  }

  get alive(): number {
    return this.#alive.size;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** What the newest thread runs on. */
  get provider(): ProviderReport {
    if (this.#provider === undefined) throw new Error('no worker has started');
    return this.#provider;
  }

  /** Threads that do not come back from their run. They can be neither stopped nor counted on. */
  get stuck(): number {
    return this.#stuck.size;
  }

  /** Threads in a run, stuck or not. */
  get busy(): number {
    return this.#alive.size - this.#idle.length + this.#stuck.size;
  }

  /** Only while `idle` > 0. One result a batch. Throws ServiceError WORKER_LOST, WORKER_STUCK. */
  async run(turn: Turn, expectedMs: number): Promise<readonly RunResult[]> {
    const worker = this.#idle.pop();
    if (worker === undefined) throw new Error('run() was called with no idle worker');
    const { stuck, after } = this.#options;
    const limitMs = Math.max(stuck.floorMs, stuck.factor * expectedMs);
    const stopWatching = after(limitMs, () => this.#giveUp(worker, limitMs));
    try {
      return await worker.run(turn);
    } finally {
      stopWatching();
      this.#release(worker);
    }
  }

  /** Lets every run end but those that are stuck; then the threads are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    // A thread that opens a session must not be cut off either.
    await Promise.allSettled(this.#starting);
    await Promise.all([...this.#alive].map((worker) => Promise.race([worker.drain(), worker.abandoned])));
  }

  #release(worker: InferenceWorker): void {
    if (!this.#alive.has(worker) || worker.gone || this.#closing) return;
    this.#idle.push(worker);
    this.#options.onIdle();
  }

  /** Never terminated: that would abort the process. It ends by itself if it ever comes back. */
  #giveUp(worker: InferenceWorker, afterMs: number): void {
    this.#alive.delete(worker);
    this.#stuck.add(worker);
    this.#options.onStuck(afterMs);
    worker.abandon(
      new ServiceError('WORKER_STUCK', {
        detail: `The inference worker did not come back within ${Math.round(afterMs)} ms; send the capture again.`,
        retryAfterSeconds: 1,
      }),
    );
    this.#replaceMissing();
  }

  async #startMissing(): Promise<void> {
    const missing = this.#wanted - this.#alive.size - this.#coming;
    this.#coming += missing;
    const start = () =>
      this.#add().finally(() => {
        this.#coming--;
      });
    if (this.#options.startSerially) for (let n = 0; n < missing; n++) await start();
    else await allSettledOrThrow(Array.from({ length: missing }, start));
  }

  async #add(): Promise<void> {
    const starting = this.#start();
    this.#starting.add(starting);
    try {
      await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  async #start(): Promise<void> {
    const worker = new InferenceWorker(this.#options.entry);
    try {
      // Read while the thread boots.
      this.#provider = await worker.start(await this.#options.startup());
      await this.#options.admit((turn) => worker.run(turn), this.#provider.active);
    } catch (error) {
      await worker.drain();
      throw error;
    }
    if (this.#closing) return worker.drain();
    this.#alive.add(worker);
    void worker.exited.then((why) => this.#buried(worker, why));
    this.#release(worker);
  }

  #buried(worker: InferenceWorker, why: Error | undefined): void {
    const wasStuck = this.#stuck.delete(worker);
    this.#alive.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    if (why !== undefined && !wasStuck) this.#options.onLost(why);
    this.#replaceMissing();
  }

  /** Of stuck threads no more than of working ones: each may hold a core for good. */
  #replaceMissing(): void {
    if (this.#closing || this.#stuck.size > this.#wanted) return;
    while (this.#alive.size + this.#coming < this.#wanted) void this.#replace();
  }

  async #replace(): Promise<void> {
    this.#coming++;
    try {
      for (let attempt = 1; !this.#closing; attempt++) {
        await this.#options.pause(attempt);
        if (this.#closing) return;
        try {
          return await this.#add();
        } catch (error) {
          this.#options.onReplaceFailed(error as Error);
        }
      }
    } finally {
      this.#coming--;
      // It may be lost again already.
      this.#replaceMissing();
    }
  }
}

/** As Promise.all, but nothing is still starting when it throws. */
async function allSettledOrThrow(starts: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(starts);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
