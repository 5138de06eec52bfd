// A service that is made to suffer: its threads crash, it is killed, and it is started again on the same store.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../bench/child-server.js';
import { type RunningService, startService } from '../../bench/service.js';

const CRASH_HOOK = new URL('./crash-hook.js', import.meta.url);
/** What crash-hook.ts listens for. */
const CRASH_SIGNAL = 'SIGWINCH';

export interface MortalSettings {
  readonly modelsDir: string;
  readonly model: string;
  /** For store and log. */
  readonly folder: string;
}

export class MortalService {
  readonly #start: () => Promise<RunningService>;
  #running: RunningService;
  #up: Promise<unknown> = Promise.resolve();
  #down = false;
  #lastKilledMs = Number.NEGATIVE_INFINITY;
  #died: string | undefined;

  private constructor(start: () => Promise<RunningService>, running: RunningService) {
    this.#start = start;
    this.#running = running;
    this.#watch(running);
  }

  static async open({ modelsDir, model, folder }: MortalSettings): Promise<MortalService> {
    const port = await freePort();
    const start = () =>
      startService({
        modelsDir,
        model,
        inherit: false,
        storePath: join(folder, 'store'),
        logFile: join(folder, 'service.log'),
        port,
        env: { NODE_OPTIONS: `--import=${fileURLToPath(CRASH_HOOK)}`, LOG_LEVEL: 'warn' },
      });
    return new MortalService(start, await start());
  }

  get url(): string {
    return this.#running.url;
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** What it said when it ended without being killed; undefined: it did not. */
  get died(): string | undefined {
    return this.#died;
  }

  /** Waits while it is being started again. */
  async untilUp(): Promise<void> {
    await this.#up;
  }

  downSince(ms: number): boolean {
    return this.#down || this.#lastKilledMs >= ms;
  }

  crashThread(): void {
    if (!this.#down) process.kill(this.#running.pid, CRASH_SIGNAL);
  }

  /** Threads this process has lost so far, as the service counts them. */
  async lostThreads(): Promise<number> {
    const metrics = await (await fetch(`${this.url}/metrics`)).text();
    return Number(/^branchline_worker_restarts_total (\d+)$/m.exec(metrics)?.[1] ?? 0);
  }

  /** Killed as by a power cut, and up again. */
  async killAndRestart(): Promise<void> {
    this.#down = true;
    this.#lastKilledMs = performance.now();
    this.#up = (async () => {
      await this.#running.kill();
      this.#running = await this.#start();
      this.#down = false;
      this.#watch(this.#running);
    })();
    await this.#up;
  }

  async stop(): Promise<void> {
    this.#down = true;
    await this.#running.stop();
  }

  #watch(running: RunningService): void {
    void running.ended.then((lastWords) => {
      if (!this.#down) this.#died = lastWords;
    });
  }
}
