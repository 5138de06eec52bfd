// A lease that its holder renews while it lives: from a holder that died, captures are taken over within seconds.
import type { IntakeEntry, IntakeStore } from '../intake/intake-store.js';

export interface LeaseOptions {
  readonly intake: Pick<IntakeStore, 'get' | 'swap'>;
  /** This process. */
  readonly owner: string;
  /** Unix time. */
  readonly nowMs: () => number;
  /** Calls back after `ms`; what it returns takes that back. */
  readonly after: (ms: number, callBack: () => void) => () => void;
}

export interface KeptLease {
  /** No renewal is under way any more. Resolves with the version it left; undefined: it has written none. */
  end(): Promise<string | undefined>;
}

/** Outlasts four renewals that fail, and clocks that differ by some; shorter than a client's patience. */
const LEASE_MS = 5000;
const RENEW_MS = 1000;

export function newLease({ owner, nowMs }: Pick<LeaseOptions, 'owner' | 'nowMs'>) {
  return { owner, untilMs: nowMs() + LEASE_MS };
}

/** Whether `now` is still under the lease that `leased` was written with, however often that was renewed. */
export function isUnderLease(now: IntakeEntry, leased: IntakeEntry): boolean {
  return now.lease !== null && now.lease.owner === leased.lease?.owner && now.attempts === leased.attempts;
}

/** Renews the lease that `leased` was written with, until it is ended or lost. */
export function keepLease(options: LeaseOptions, leased: IntakeEntry): KeptLease {
  const { intake, after } = options;
  const { captureId } = leased;
  let version: string | undefined;
  let isEnded = false;
  const renew = async () => {
    const held = await intake.get(captureId);
    if (isEnded || held === undefined || !isUnderLease(held.entry, leased)) return;
    const lease = newLease(options);
    const wakeAtMs = held.entry.wakeAtMs === null ? null : lease.untilMs;
    const entry = { ...held.entry, lease, wakeAtMs };
    version = (await intake.swap({ captureId, version: held.version, entry })) ?? version;
  };
  let renewing = Promise.resolve();
  let cancel = () => {};
  const renewLater = () => {
    cancel = after(RENEW_MS, () => {
      // A store that is away is asked again: the lease is still its holder's where nobody else has taken it.
      renewing = renew()
        .catch(() => {})
        .then(() => {
          if (!isEnded) renewLater();
        });
    });
  };
  renewLater();
  return {
    end: async () => {
      isEnded = true;
      cancel();
      await renewing;
      return version;
    },
  };
}
