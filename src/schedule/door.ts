// Who may wait: keeps what was promised to those who wait already, and no branch out on another's account (pure).
import { doneBehindMs, type Forecast, forecast, type Machine } from './forecast.js';
import { inserted, type Queued } from './queue.js';
import { branchOf, type Shares } from './shares.js';

export type Reason = 'full' | 'late';

export type Decision<T> =
  | {
      readonly admitted: true;
      readonly queue: T[];
      /** Those who wait no longer, so that the newcomer's branch has its share. */
      readonly displaced: readonly T[];
    }
  | { readonly admitted: false; readonly reason: Reason; readonly retryInMs: number };

/**
 * Admits the newcomer where the queue has a place for it, it is done when it is due, and nobody who waits comes too
 * late because of it. Where not, of the branches whose captures are in question the one that was given most lately
 * gives up its latest capture; where that is the newcomer's own, the newcomer is refused.
 */
export function decide<T extends Queued>(
  queue: readonly T[],
  newcomer: T,
  queueLimit: number,
  shares: Shares,
  machine: Machine,
): Decision<T> {
  if (hasTimeToSpare(queue, newcomer, queueLimit, machine))
    return { admitted: true, queue: [...queue, newcomer], displaced: [] };
  const today = forecast(queue, machine);
  const lateAlready = new Set(queue.filter((waiting) => isLate(waiting, today)));
  const displaced: T[] = [];
  let plan = inserted(queue, newcomer);
  for (;;) {
    const then = forecast(plan, machine);
    const full = plan.length > queueLimit;
    const late = plan.findIndex((waiting) => isLate(waiting, then) && !lateAlready.has(waiting));
    if (!full && late < 0) return { admitted: true, queue: plan, displaced };
    const inQuestion = full ? plan : plan.slice(0, late + 1);
    const givesWay = lastOfMostServed(inQuestion, newcomer, displaced, shares);
    if (givesWay === newcomer) {
      const retryInMs = full ? today.freeMs - machine.nowMs : lateness(plan[late] as T, then);
      return { admitted: false, reason: full ? 'full' : 'late', retryInMs };
    }
    displaced.push(givesWay);
    plan = plan.filter((waiting) => waiting !== givesWay);
  }
}

/** Behind all others it makes nobody late; whether it is late itself takes no more than a look along the queue. */
function hasTimeToSpare(
  queue: readonly Queued[],
  newcomer: Queued,
  queueLimit: number,
  machine: Machine,
): boolean {
  const last = queue.at(-1);
  const isLast = last === undefined || last.deadlineMs <= newcomer.deadlineMs;
  // In a batch it would make those longer who run with it.
  if (!isLast || queue.length >= queueLimit || machine.maxBatch > 1) return false;
  return doneBehindMs(queue, newcomer, machine) <= newcomer.dueMs;
}

function isLate<T extends Queued>(waiting: T, { doneMs }: Forecast<T>): boolean {
  return (doneMs.get(waiting) ?? 0) > waiting.dueMs;
}

function lateness<T extends Queued>(waiting: T, { doneMs }: Forecast<T>): number {
  return (doneMs.get(waiting) ?? 0) - waiting.dueMs;
}

/** The newcomer itself where its branch was given as much as any other: places change hands towards balance only. */
function lastOfMostServed<T extends Queued>(
  inQuestion: readonly T[],
  newcomer: T,
  displaced: readonly T[],
  shares: Shares,
): T {
  const own = branchOf(newcomer);
  const served = (branch: string) =>
    shares.of(branch) +
    (branch === own ? 1 : 0) -
    displaced.filter((gone) => branchOf(gone) === branch).length;
  let most = own;
  for (const branch of new Set(inQuestion.map(branchOf))) if (served(branch) > served(most)) most = branch;
  return most === own ? newcomer : (inQuestion.findLast((each) => branchOf(each) === most) ?? newcomer);
}
