// Cells of the page's tables. Pure.
import { PROBE_PATIENCE_MS, RECOVERY_WITHIN_MS } from '../load/protocol.js';
import { type Spread, spreadOf } from '../statistics.js';
import type { OpenFigures } from './figures.js';

const NONE = '–';
const MIB = 1024 * 1024;

/** "1.23" for one round, "1.23 (1.20–1.31)" for several, a dash for none. */
export function spreadText(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return NONE;
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => value.toFixed(digits));
  return min === max ? `${median}` : `${median} (${min}–${max})`;
}

/** All rounds together, the commonest first. */
export function refusedText(rounds: readonly Readonly<Record<string, number>>[]): string {
  const total = new Map<string, number>();
  for (const refused of rounds)
    for (const [kind, count] of Object.entries(refused)) total.set(kind, (total.get(kind) ?? 0) + count);
  if (total.size === 0) return NONE;
  return [...total]
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} × ${count}`)
    .join(', ');
}

export function probesText(every: readonly OpenFigures[]): string {
  const paths = [...new Set(every.flatMap(({ probesP99Ms }) => Object.keys(probesP99Ms)))];
  return paths
    .map((path) => {
      const spread = spreadOf(every.flatMap(({ probesP99Ms }) => probesP99Ms[path] ?? []));
      const givenUp = (spread?.max ?? 0) >= PROBE_PATIENCE_MS ? ' (given up)' : '';
      return `${path} ${spreadText(spread, 1)}${givenUp}`;
    })
    .join(', ');
}

export function recoveryText(every: readonly OpenFigures[]): string {
  const watched = every.flatMap(({ recoveryMs }) => (recoveryMs === undefined ? [] : [recoveryMs]));
  if (watched.length === 0) return NONE;
  const text = spreadText(spreadOf(watched.map((ms) => (ms ?? RECOVERY_WITHIN_MS) / 1000)), 1);
  const never = watched.filter((ms) => ms === null).length;
  return never === 0 ? text : `${text}; not within ${RECOVERY_WITHIN_MS / 1000} s: ${never}`;
}

export function megabytes(bytes: readonly number[]): string {
  return spreadText(spreadOf(bytes.map((value) => value / MIB)), 0);
}
