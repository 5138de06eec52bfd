// Delivers the feed to one subscription: in order, each event until it was taken, given up, or declined for good.
import { pauseMs, type RetryPolicy } from './backoff.js';
import type { Clock } from './clock.js';
import type { EventFilter, PushEvent } from './event.js';
import { type Feed, FIRST, follow, knownPosition } from './follow.js';
import { LeaseLost } from './leased.js';
import { type DeadLetter, type Progress, type PushStore, readerOf, type Webhook } from './push-store.js';
import type { Send } from './sender.js';

/** What became of one attempt. `dead`: failed, for the last time; `ended`: the subscription is over. */
export type DeliveryOutcome = 'delivered' | 'failed' | 'dead' | 'ended';

export interface CourierOptions {
  readonly webhook: Webhook;
  readonly owner: string;
  readonly store: PushStore;
  readonly feed: Feed;
  readonly send: Send;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  /** 0…1, for the pauses. */
  readonly random: () => number;
  readonly onOutcome: (outcome: DeliveryOutcome) => void;
  /** The event that is tried now; undefined: none waits. */
  readonly onTrying: (event: PushEvent | undefined) => void;
}

/** So many events that nobody took are no accident: the subscription ends, and its place in the feed is kept. */
export const MAX_DEAD_LETTERS = 1000;
const IDLE_MS = 30_000;

/**
 * Resolves when `signal` aborts, or the subscription has ended or is another one now.
 * Throws LeaseLost, and what feed and store throw.
 */
export async function runCourier(options: CourierOptions, signal: AbortSignal): Promise<void> {
  try {
    await new Courier(options, signal).run();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  } finally {
    options.onTrying(undefined);
  }
}

class Stopped extends Error {}

class Courier {
  readonly #o: CourierOptions;
  readonly #signal: AbortSignal;
  #progress: Progress = { position: FIRST, trial: null, deliveredAt: null };

  constructor(options: CourierOptions, signal: AbortSignal) {
    this.#o = options;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { store, webhook, feed } = this.#o;
    // Removed by another replica, it must not begin again at the first record.
    if ((await store.webhook(webhook.id))?.version !== webhook.version) return;
    this.#progress = (await store.progress(readerOf(webhook.id))) ?? this.#progress;
    const position = await knownPosition(feed, this.#progress.position);
    if (position !== this.#progress.position) await this.#save({ ...this.#progress, position });
    await this.#replay();
    const steps = follow({
      feed,
      from: this.#progress.position,
      filter: filterOf(webhook),
      idleMs: IDLE_MS,
      signal: this.#signal,
    });
    for await (const { event, position } of steps) {
      if (event !== undefined) await this.#deliver(event, position);
      else if (position !== this.#progress.position) await this.#save({ ...this.#progress, position });
    }
  }

  async #deliver(event: PushEvent, position: string): Promise<void> {
    const { clock, policy, random } = this.#o;
    this.#o.onTrying(event);
    for (;;) {
      const known = this.#progress.trial?.eventId === event.id ? this.#progress.trial : undefined;
      if (known !== undefined) await clock.sleep(Math.max(0, known.nextMs - clock.nowMs()), this.#signal);
      const firstMs = known?.firstMs ?? clock.nowMs();
      const outcome = await this.#attempt(event);
      if (outcome.kind === 'delivered') {
        await this.#save({ position, trial: null, deliveredAt: this.#nowText() });
        return this.#o.onTrying(undefined);
      }
      if (outcome.kind === 'gone') return this.#end(outcome.fault);
      const attempts = (known?.attempts ?? 0) + 1;
      const nextMs = clock.nowMs() + pauseMs(attempts, random(), outcome.retryAfterMs);
      if (attempts >= policy.maxAttempts || nextMs - firstMs > policy.maxAgeMs)
        return this.#bury({ event, attempts, fault: outcome.fault }, position);
      this.#o.onOutcome('failed');
      const trial = { eventId: event.id, attempts, firstMs, nextMs, fault: outcome.fault };
      await this.#save({ ...this.#progress, trial });
    }
  }

  /** Sent once each: the feed does not wait for hours behind what failed before. */
  async #replay(): Promise<void> {
    const { store, webhook } = this.#o;
    for (const letter of await store.deadLetters(webhook.id)) {
      if (!letter.replay) continue;
      const outcome = await this.#attempt(letter.event);
      if (outcome.kind === 'gone') return this.#end(outcome.fault);
      if (outcome.kind === 'delivered') await store.removeDeadLetters(webhook.id, [letter.event.id]);
      else {
        this.#o.onOutcome('failed');
        const { attempts } = letter;
        const tried = { ...letter, replay: false, attempts: attempts + 1, fault: outcome.fault };
        await store.changeDeadLetter(webhook.id, tried);
      }
    }
  }

  /** An attempt cut off by the end of the courier is none. */
  async #attempt(event: PushEvent) {
    if (this.#signal.aborted) throw new Stopped();
    const outcome = await this.#o.send(this.#o.webhook, event, this.#signal);
    if (outcome.kind === 'delivered') this.#o.onOutcome('delivered');
    else if (this.#signal.aborted) throw new Stopped();
    return outcome;
  }

  async #bury(failed: Pick<DeadLetter, 'event' | 'attempts' | 'fault'>, position: string): Promise<void> {
    const { store, webhook, owner } = this.#o;
    const letter = { ...failed, buriedAt: this.#nowText(), replay: false };
    const progress = { ...this.#progress, position, trial: null };
    if (!(await store.bury(webhook.id, owner, letter, progress))) throw new LeaseLost();
    this.#progress = progress;
    this.#o.onOutcome('dead');
    this.#o.onTrying(undefined);
    if ((await store.countDeadLetters(webhook.id)) >= MAX_DEAD_LETTERS)
      await this.#end(`${MAX_DEAD_LETTERS} events are on the dead-letter list; the last: ${failed.fault}`);
  }

  /** The place in the feed is kept, for whoever takes the subscription up again. */
  async #end(reason: string): Promise<never> {
    const { store, webhook } = this.#o;
    const updatedAt = this.#nowText();
    const ended = { ...webhook, state: 'ENDED' as const, endedReason: reason, updatedAt };
    if (await store.changeWebhook({ ...ended, version: `${webhook.version}.ended` }, webhook.version))
      this.#o.onOutcome('ended');
    throw new Stopped();
  }

  async #save(progress: Progress): Promise<void> {
    const { store, webhook, owner } = this.#o;
    if (!(await store.saveProgress(readerOf(webhook.id), owner, progress))) throw new LeaseLost();
    this.#progress = progress;
  }

  #nowText(): string {
    return new Date(this.#o.clock.nowMs()).toISOString();
  }
}

export function filterOf({ lineId, verdicts }: Pick<Webhook, 'lineId' | 'verdicts'>): EventFilter {
  return { ...(lineId === null ? {} : { lineId }), ...(verdicts === null ? {} : { verdicts }) };
}
