// Judges in the background what was accepted: a few at a time, with patience, so that the line comes first.
import { ABSENT, type Held, type IntakeEntry, type IntakeStore } from '../intake/intake-store.js';
import { recordedEnd, type SetAsideOptions } from './set-aside.js';
import { afterLease, withoutBytes } from './transitions.js';
import type { Situation, Turn } from './turn.js';

export interface RunnersOptions extends SetAsideOptions {
  readonly intake: IntakeStore;
  readonly turn: Pick<Turn, 'take' | 'run'>;
  /** Captures at once. */
  readonly runners: number;
  readonly owner: string;
  readonly windowMs: number;
  /** Calls back after `ms`; what it returns takes that back. */
  readonly after: (ms: number, callBack: () => void) => () => void;
  readonly onSetAside: (entry: IntakeEntry) => void;
  /** The intake store failed; it is asked again. */
  readonly onOutOfReach: (error: Error) => void;
  readonly onUsage: (usage: { readonly captures: number; readonly bytes: number }) => void;
}

/** Of a capture nobody waits for: any that somebody does wait for is due earlier, and goes first. */
const PATIENCE_MS = 10_000;
/** How late a deadline, another replica's capture or an expired lease may be seen. */
const POLL_MS = 100;
/** After the store failed. */
const RETRY_MS = 1000;
const SWEEP = 200;

export class Runners {
  readonly #options: RunnersOptions;
  readonly #running = new Map<string, Promise<void>>();
  /** One a run: a signal that outlives its runs would gather their listeners. */
  readonly #aborts = new Set<AbortController>();
  #stopped = false;
  #cancel = () => {};
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  /** Whether the one that runs killed its worker before. */
  #suspect = false;

  constructor(options: RunnersOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier life of this process left half done, then looks for what is due, again and again. */
  async start(): Promise<void> {
    await this.#resume().catch((error: Error) => this.#options.onOutOfReach(error));
    this.nudge();
  }

  /** Something is due now. */
  nudge(): void {
    if (this.#stopped) return;
    this.#lookAgain = true;
    this.#looking ??= this.#look();
  }

  /** Resolves when nothing runs any more; `reason` becomes the end of what still waits for a worker. */
  async stop(reason: unknown): Promise<void> {
    this.#cancel();
    this.#stopped = true;
    for (const abort of this.#aborts) abort.abort(reason);
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  /** One look at what is due; resolves when all of it has had its turn. For tests that keep the clock. */
  async turn(): Promise<void> {
    await this.#startDue();
    await Promise.all(this.#running.values());
  }

  async #look(): Promise<void> {
    let nextMs = POLL_MS;
    while (this.#lookAgain && !this.#stopped) {
      this.#lookAgain = false;
      try {
        await this.#startDue();
        nextMs = POLL_MS;
      } catch (error) {
        this.#options.onOutOfReach(error as Error);
        nextMs = RETRY_MS;
      }
    }
    this.#looking = undefined;
    this.#cancel();
    if (!this.#stopped) this.#cancel = this.#options.after(nextMs, () => this.nudge());
  }

  async #startDue(): Promise<void> {
    const { intake, runners, nowMs, onUsage } = this.#options;
    await intake.sweep(nowMs(), SWEEP);
    onUsage(await intake.usage());
    const due = await intake.due(nowMs(), runners + this.#running.size);
    for (const captureId of due) {
      if (this.#running.size >= runners) return;
      if (this.#running.has(captureId)) continue;
      const held = await intake.get(captureId);
      const isSuspect = held !== undefined && held.entry.attempts > 0 && held.entry.state !== 'RUNNING';
      // What killed its worker before runs alone, so that it takes no innocent capture with it.
      if (this.#suspect || (isSuspect && this.#running.size > 0)) return;
      this.#suspect = isSuspect;
      await this.#see(captureId, held);
    }
  }

  async #see(captureId: string, held: Held | undefined): Promise<void> {
    const { intake, nowMs } = this.#options;
    if (held === undefined) {
      await intake.swap({ captureId, version: ABSENT, entry: undefined });
      return;
    }
    const { version, entry } = held;
    if (entry.wakeAtMs === null || entry.wakeAtMs > nowMs()) return;
    switch (entry.state) {
      case 'OPEN':
      case 'ACCEPTED':
        this.#run(held);
        return;
      case 'RUNNING':
        await this.#takeOver(held);
        this.#lookAgain = true;
        return;
      case 'COMPLETED':
      case 'FAILED':
        await intake.swap({ captureId, version, entry: withoutBytes(entry), dropBytes: true });
    }
  }

  /** From whoever held its lease, and is gone. */
  async #takeOver({ version, entry }: Held): Promise<void> {
    const { intake, nowMs, windowMs, onSetAside } = this.#options;
    const next = await recordedEnd(this.#options, entry, afterLease(entry, { nowMs: nowMs(), windowMs }));
    const dropBytes = next.heldBytes === 0;
    const written = await intake.swap({ captureId: entry.captureId, version, entry: next, dropBytes });
    if (written !== undefined && next.state === 'FAILED') onSetAside(next);
  }

  #run(held: Held): void {
    const { captureId } = held.entry;
    const abort = new AbortController();
    this.#aborts.add(abort);
    const situation: Situation = {
      patienceMs: PATIENCE_MS,
      signal: abort.signal,
      clientIsTold: false,
    };
    const running = this.#takeAndRun(held, situation).finally(() => {
      this.#running.delete(captureId);
      this.#aborts.delete(abort);
      this.#suspect = false;
      this.nudge();
    });
    this.#running.set(captureId, running);
  }

  /** Never rejects: what became of the capture is written down by then, or its lease will end. */
  async #takeAndRun(held: Held, situation: Situation): Promise<void> {
    const { turn, onOutOfReach } = this.#options;
    try {
      const leased = await turn.take(held);
      // A refusal stands in the capture's entry by then.
      if (leased !== undefined) await turn.run(leased, situation).catch(() => {});
    } catch (error) {
      onOutOfReach(error as Error);
    }
  }

  /** A store of our own has no other process: whoever held a lease there is dead. */
  async #resume(): Promise<void> {
    const { intake, owner } = this.#options;
    if (intake.shared) return;
    for (const captureId of await intake.due(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)) {
      const held = await intake.get(captureId);
      if (held?.entry.state !== 'RUNNING' || held.entry.lease?.owner === owner) continue;
      await this.#takeOver(held);
    }
  }
}
