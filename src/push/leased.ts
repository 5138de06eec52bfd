// Of several replicas one works: runs a task for as long as its lease is held, and tries again for as long as it is not.
import type { Clock } from './clock.js';
import type { PushStore } from './push-store.js';

export interface LeasedTask {
  readonly reader: string;
  readonly owner: string;
  readonly store: Pick<PushStore, 'lease' | 'release'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Returns soon after its signal aborts; what it throws is reported, and it is run again. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onFault: (error: unknown) => void;
}

/** Thrown by a task whose write the store refused: another replica works now, or what it worked on was removed. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Another replica takes over so long after this one died. */
export const LEASE_MS = 15_000;
/** Several renewals may fail before the lease is lost. */
const RENEW_EVERY_MS = 3000;
/** A run that broke is not started again at once: what broke it is still there. */
const REST_MS = 5000;

/** Ends when `signal` aborts, with the lease given back, or when the task has nothing left to do. */
export async function runLeased(task: LeasedTask): Promise<void> {
  const { reader, owner, store, clock, signal, onFault } = task;
  const take = () =>
    store.lease(reader, owner, LEASE_MS).catch((error: unknown) => {
      onFault(error);
      return undefined;
    });
  while (!signal.aborted) {
    if ((await take()) !== true) {
      await clock.sleep(RENEW_EVERY_MS, signal);
      continue;
    }
    const lost = new AbortController();
    const holding = AbortSignal.any([signal, lost.signal]);
    const done = new AbortController();
    const renewing = renew(take, clock, AbortSignal.any([holding, done.signal]), lost);
    const fault = await task.run(holding).then(
      () => undefined,
      (error: unknown) => error ?? new Error('it failed'),
    );
    done.abort();
    await renewing;
    await store.release(reader, owner).catch(() => {});
    if (fault === undefined && !lost.signal.aborted) return;
    if (fault !== undefined && !(fault instanceof LeaseLost) && !signal.aborted) onFault(fault);
    await clock.sleep(REST_MS, signal);
  }
}

/** Where the store does not answer, the lease may be lost: whatever the task writes then, the store refuses. */
async function renew(
  take: () => Promise<boolean | undefined>,
  clock: Clock,
  until: AbortSignal,
  lost: AbortController,
): Promise<void> {
  for (;;) {
    await clock.sleep(RENEW_EVERY_MS, until);
    if (until.aborted) return;
    if ((await take()) === false) return lost.abort();
  }
}
