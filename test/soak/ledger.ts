// Keeps account of every capture sent: what must come of it, what came, and whether that may be. Pure.

export interface Expected {
  readonly name: string;
  readonly branch: string;
  readonly score: number;
}

export interface AnsweredInspection {
  readonly inspectionId: string;
  readonly captureId: string;
  readonly branch: string | null;
  readonly score: number | null;
  readonly stored: boolean;
}

export type Outcome =
  | { readonly kind: 'answered'; readonly inspection: AnsweredInspection }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  /** The station hung up by itself. */
  | { readonly kind: 'aborted' }
  /** `whileDown`: the service was killed between the first byte and the error. */
  | { readonly kind: 'connection-error'; readonly code: string; readonly whileDown: boolean }
  | { readonly kind: 'no-answer' };

/** "Send it again": errors that a capture may end in when workers die and queues fill. */
const FAIR_REFUSALS = ['OVERLOADED', 'DEADLINE_UNREACHABLE', 'WORKER_LOST', 'SHUTTING_DOWN'];
const SAME_SCORE = 1e-4;

export class Ledger {
  readonly #expected = new Map<string, Expected>();
  /** captureId → inspectionId, of answers marked as stored. */
  readonly #stored = new Map<string, string>();
  readonly #faults: string[] = [];
  readonly #counts = new Map<string, number>();

  sent(captureId: string, expected: Expected): void {
    this.#expected.set(captureId, expected);
  }

  came(captureId: string, outcome: Outcome): void {
    const expected = this.#expected.get(captureId);
    if (expected === undefined) throw new Error(`${captureId} was never sent`);
    this.#count(outcome);
    switch (outcome.kind) {
      case 'answered':
        this.#answered(captureId, expected, outcome.inspection);
        return;
      case 'refused':
        if (outcome.status !== 503 || !FAIR_REFUSALS.includes(outcome.code))
          this.#faults.push(
            `${captureId} (${expected.name}): refused with ${outcome.status} ${outcome.code}`,
          );
        return;
      case 'aborted':
        return;
      case 'connection-error':
        if (!outcome.whileDown)
          this.#faults.push(
            `${captureId} (${expected.name}): lost, ${outcome.code} while the service was up`,
          );
        return;
      case 'no-answer':
        this.#faults.push(`${captureId} (${expected.name}): lost, neither answer nor error`);
        return;
      default:
        outcome satisfies never;
    }
  }

  /** All records of the feed, in order. What was answered as stored must be there once, and be right. */
  checkFeed(records: readonly AnsweredInspection[]): void {
    const seen = new Set<string>();
    for (const record of records) {
      const expected = this.#expected.get(record.captureId);
      if (expected === undefined) continue; // judged alone, beforehand
      if (seen.has(record.captureId)) this.#faults.push(`${record.captureId}: in the feed twice`);
      seen.add(record.captureId);
      if (!matches(record, expected))
        this.#faults.push(`${record.captureId}: stored as ${told(record)}, not as ${told(expected)}`);
    }
    const ids = new Set(records.map(({ inspectionId }) => inspectionId));
    for (const [captureId, inspectionId] of this.#stored)
      if (!ids.has(inspectionId)) this.#faults.push(`${captureId}: answered as stored, but not in the feed`);
  }

  /** One line each; none where all is well. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** "answered" → count, and so on. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  #answered(captureId: string, expected: Expected, inspection: AnsweredInspection): void {
    if (inspection.captureId !== captureId)
      this.#faults.push(`${captureId}: mix-up, got the answer of ${inspection.captureId}`);
    else if (!matches(inspection, expected))
      this.#faults.push(`${captureId}: mix-up, ${told(inspection)} instead of ${told(expected)}`);
    if (inspection.stored) this.#stored.set(captureId, inspection.inspectionId);
  }

  #count(outcome: Outcome): void {
    const kind = outcome.kind === 'refused' ? `refused ${outcome.code}` : outcome.kind;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }
}

interface Judged {
  readonly branch: string | null;
  readonly score: number | null;
}

function matches(judged: Judged, expected: Expected): boolean {
  return (
    judged.branch === expected.branch && Math.abs((judged.score ?? Number.NaN) - expected.score) < SAME_SCORE
  );
}

function told({ branch, score }: Judged): string {
  return `${branch} ${score}`;
}
