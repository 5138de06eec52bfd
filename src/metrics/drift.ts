// Shows a report of drift as gauges, with lines bounded and recipes and stations joined.
import type { DriftReport } from '../drift/drift.js';
import type { CATALOGUE } from './catalogue.js';
import type { Instruments } from './instruments.js';

/** What was shown before is forgotten: whoever left the window has no drift any more. */
export function showDrift(
  m: Instruments<typeof CATALOGUE>,
  labelOf: (lineId: string | null) => string,
  { lines, sensors }: DriftReport,
): void {
  m.branchline_branch_share.reset();
  m.branchline_drift_psi.reset();
  m.branchline_drift_shifted.reset();
  m.branchline_sensor_faults.reset();
  const captures = new Tally();
  const judged = new Tally();
  const worst = new Tally();
  for (const { lineId, captures: count, notDecidable, branches } of lines) {
    const line = labelOf(lineId);
    captures.add(count, line);
    judged.add(notDecidable, line, '');
    m.branchline_drift_shifted.inc({ line }, branches.filter(({ state }) => state === 'shifted').length);
    for (const { branch, share, psi } of branches) {
      judged.add(share * count, line, branch);
      if (psi !== null) worst.raise(psi, line, branch);
    }
  }
  for (const [count, line = '', branch = ''] of judged)
    m.branchline_branch_share.set({ line, branch }, count / captures.get(line));
  for (const [psi, line = '', branch = ''] of worst) m.branchline_drift_psi.set({ line, branch }, psi);
  for (const { lineId, modality, state } of sensors)
    for (const fault of ['dead', 'frozen'])
      m.branchline_sensor_faults.inc({ line: labelOf(lineId), modality, fault }, state === fault ? 1 : 0);
}

/** Numbers by a few labels. */
class Tally {
  readonly #values = new Map<string, readonly [number, ...string[]]>();

  get(...labels: string[]): number {
    return this.#values.get(JSON.stringify(labels))?.[0] ?? 0;
  }

  add(value: number, ...labels: string[]): void {
    this.#values.set(JSON.stringify(labels), [this.get(...labels) + value, ...labels]);
  }

  raise(value: number, ...labels: string[]): void {
    this.#values.set(JSON.stringify(labels), [Math.max(this.get(...labels), value), ...labels]);
  }

  [Symbol.iterator]() {
    return this.#values.values();
  }
}
