// Keeps one courier going for each subscription, so that a broken one delays no other.
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { type CourierOptions, runCourier } from './courier.js';
import type { PushEvent } from './event.js';
import { runLeased } from './leased.js';
import { readerOf, type Webhook } from './push-store.js';
import type { Targets } from './target.js';

export interface DispatcherOptions
  extends Pick<CourierOptions, 'store' | 'feed' | 'send' | 'policy' | 'clock' | 'random' | 'onOutcome'> {
  readonly targets: Targets;
  readonly onFault: (error: unknown) => void;
}

interface Running {
  readonly version: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** What another replica changed is seen no later; what this one changed at once, by wake(). */
const LOOK_EVERY_MS = 2000;

export class Dispatcher {
  readonly #o: DispatcherOptions;
  readonly #owner = randomUUID();
  readonly #running = new Map<string, Running>();
  readonly #trying = new Map<string, PushEvent>();
  readonly #closed = new AbortController();
  #woken = new AbortController();
  readonly #looking: Promise<void>;

  constructor(options: DispatcherOptions) {
    this.#o = options;
    setMaxListeners(0, this.#closed.signal);
    this.#looking = this.#look();
  }

  /** A subscription was changed here. */
  wake(): void {
    this.#woken.abort();
  }

  /** Of the oldest event this replica tries to deliver, since it was judged; 0 where none waits. */
  lagMs(): number {
    const times = [...this.#trying.values()].map(({ inspection }) => Date.parse(inspection.completedAt));
    return times.length === 0 ? 0 : Math.max(0, this.#o.clock.nowMs() - Math.min(...times));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#woken.abort();
    await this.#looking;
    await Promise.all([...this.#running.keys()].map((id) => this.#stop(id)));
  }

  async #look(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      this.#woken = new AbortController();
      try {
        await this.#reconcile(await this.#o.store.webhooks());
      } catch (error) {
        // The couriers that run go on: without their lease they change nothing.
        this.#o.onFault(error);
      }
      await this.#o.clock.sleep(LOOK_EVERY_MS, AbortSignal.any([this.#woken.signal, this.#closed.signal]));
    }
  }

  async #reconcile(webhooks: readonly Webhook[]): Promise<void> {
    const active = new Map(
      webhooks
        // Taken off the allow-list, it waits: nothing is lost should that have been a mistake.
        .filter(({ state, url }) => state === 'ACTIVE' && this.#o.targets.faultOf(new URL(url)) === undefined)
        .map((webhook) => [webhook.id, webhook]),
    );
    const outdated = [...this.#running].filter(([id, { version }]) => active.get(id)?.version !== version);
    await Promise.all(outdated.map(([id]) => this.#stop(id)));
    for (const [id, webhook] of active) if (!this.#running.has(id)) this.#start(webhook);
  }

  #start(webhook: Webhook): void {
    const { id, version } = webhook;
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const { store, clock, onFault } = this.#o;
    const onTrying = (event: PushEvent | undefined) => {
      if (event === undefined) this.#trying.delete(id);
      else this.#trying.set(id, event);
    };
    const options = { ...this.#o, webhook, owner: this.#owner, onTrying };
    const run = (signal: AbortSignal) => runCourier(options, signal);
    const lease = { reader: readerOf(id), owner: this.#owner, store, clock, signal: stop.signal };
    this.#running.set(id, { version, stop, ended: runLeased({ ...lease, run, onFault }) });
  }

  async #stop(id: string): Promise<void> {
    const running = this.#running.get(id);
    running?.stop.abort();
    await running?.ended;
    this.#running.delete(id);
  }
}
