// The figures of an evaluation: AUROC, verdicts against labels, latencies, branches.
import type { Verdict } from '../src/inspection.js';
import { auroc, aurocInterval, type Interval, type Scored } from './auroc.js';
import type { JudgedCapture } from './judge.js';
import { percentile } from './statistics.js';

export const VERDICTS = ['OK', 'REVIEW', 'NG', 'NOT_DECIDABLE'] as const satisfies readonly Verdict[];

export interface BranchFigures {
  readonly branch: string;
  readonly captures: number;
  /** null where good or defective parts are missing among its captures. */
  readonly auroc: number | null;
}

export interface Figures {
  readonly captures: { readonly good: number; readonly defective: number };
  /** Answered with a score: what the AUROC is about. */
  readonly scored: number;
  /** Problem code → count. */
  readonly refused: Readonly<Record<string, number>>;
  readonly auroc: number | null;
  /** 95 %, bootstrap. */
  readonly interval: Interval | null;
  readonly confusion: Readonly<Record<'good' | 'defective', Readonly<Record<Verdict, number>>>>;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number } | null;
  readonly branches: readonly BranchFigures[];
  /** "modality: reason" → count. */
  readonly dropped: Readonly<Record<string, number>>;
}

export function figuresOf(judged: readonly JudgedCapture[]): Figures {
  const scored = judged.flatMap(scoredPart);
  const latencies = judged.flatMap(({ latencyMs }) => latencyMs ?? []);
  const drops = judged.flatMap(({ inspection }) => inspection?.modalities.dropped ?? []);
  return {
    captures: { good: count(judged, false), defective: count(judged, true) },
    scored: scored.length,
    refused: tally(judged.flatMap(({ refusedAs }) => refusedAs ?? [])),
    auroc: auroc(scored),
    interval: aurocInterval(scored),
    confusion: { good: verdicts(judged, false), defective: verdicts(judged, true) },
    latencyMs: latencies.length === 0 ? null : percentiles(latencies),
    branches: byBranch(scored),
    dropped: tally(drops.map(({ name, reason }) => `${name}: ${reason}`)),
  };
}

function percentiles(values: readonly number[]): { p50: number; p90: number; p99: number } {
  return { p50: percentile(values, 0.5), p90: percentile(values, 0.9), p99: percentile(values, 0.99) };
}

function scoredPart({ defective, inspection }: JudgedCapture): (Scored & { branch: string })[] {
  if (inspection?.score == null || inspection.branch === null) return [];
  return [{ defective, score: inspection.score, branch: inspection.branch }];
}

function byBranch(scored: readonly (Scored & { branch: string })[]): BranchFigures[] {
  const branches = [...new Set(scored.map(({ branch }) => branch))].sort();
  return branches
    .map((branch) => {
      const parts = scored.filter((part) => part.branch === branch);
      return { branch, captures: parts.length, auroc: auroc(parts) };
    })
    .sort((a, b) => b.captures - a.captures);
}

function count(judged: readonly JudgedCapture[], defective: boolean): number {
  return judged.filter((capture) => capture.defective === defective).length;
}

function verdicts(judged: readonly JudgedCapture[], defective: boolean): Record<Verdict, number> {
  const counts = { OK: 0, REVIEW: 0, NG: 0, NOT_DECIDABLE: 0 };
  for (const capture of judged)
    if (capture.defective === defective && capture.inspection) counts[capture.inspection.verdict]++;
  return counts;
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
