// The inference threads: gives each call to an idle one, replaces the dead, drains them all before the exit.
import { InferenceWorker } from './inference-worker.js';
import type { BatchAnswer, BranchCall, ProviderReport, Startup } from './protocol.js';

export type RunCall = (call: BranchCall) => Promise<BatchAnswer>;

export interface PoolOptions {
  readonly entry: URL;
  readonly workers: number;
  /** Made anew for each thread, since its buffers are moved there. */
  readonly startup: () => Promise<Startup>;
  /** Proves and warms a thread before it gets work; a throw keeps it out. */
  readonly admit: (run: RunCall) => Promise<void>;
  /** One thread at a time: two WebGPU threads that start at once crash the process, measured. */
  readonly startSerially: boolean;
  /** A thread has become idle, also a replaced one. */
  readonly onIdle: () => void;
  readonly onLost: (why: Error) => void;
  readonly onReplaceFailed: (why: Error) => void;
  /** Waits before the nth attempt to replace a thread. Injected so that no test sleeps. */
  readonly pause: (attempt: number) => Promise<void>;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #idle: InferenceWorker[] = [];
  readonly #alive = new Set<InferenceWorker>();
  readonly #starting = new Set<Promise<void>>();
  #provider: ProviderReport | undefined;
  #closing = false;

  private constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Throws the first thread's Error where one cannot start; the others are drained. */
  static async open(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    try {
      if (options.startSerially) for (let n = 0; n < options.workers; n++) await pool.#add();
      else await allSettledOrThrow(Array.from({ length: options.workers }, () => pool.#add()));
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
    return this.#options.workers;
  }

  /** What the newest thread runs on. */
  get provider(): ProviderReport {
    if (this.#provider === undefined) throw new Error('no worker has started');
    return this.#provider;
  }

  /** Only while `idle` > 0. Throws ServiceError WORKER_LOST, INTERNAL. */
  async run(call: BranchCall): Promise<BatchAnswer> {
    const worker = this.#idle.pop();
    if (worker === undefined) throw new Error('run() was called with no idle worker');
    try {
      return await worker.run(call);
    } finally {
      this.#release(worker);
    }
  }

  /** Lets every run end; then the threads are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    // A thread that opens a session must not be cut off either.
    await Promise.allSettled(this.#starting);
    await Promise.all([...this.#alive].map((worker) => worker.drain()));
  }

  #release(worker: InferenceWorker): void {
    if (worker.gone || this.#closing) return;
    this.#idle.push(worker);
    this.#options.onIdle();
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
    const startup = await this.#options.startup();
    const worker = new InferenceWorker(this.#options.entry);
    try {
      this.#provider = await worker.start(startup);
      await this.#options.admit((call) => worker.run(call));
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
    this.#alive.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    if (why === undefined) return;
    this.#options.onLost(why);
    void this.#replace();
  }

  async #replace(): Promise<void> {
    for (let attempt = 1; !this.#closing; attempt++) {
      await this.#options.pause(attempt);
      if (this.#closing) return;
      try {
        return await this.#add();
      } catch (error) {
        this.#options.onReplaceFailed(error as Error);
      }
    }
  }
}

/** As Promise.all, but nothing is still starting when it throws. */
async function allSettledOrThrow(starts: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(starts);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
