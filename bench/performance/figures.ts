// What was measured, and how raw answers become figures. Pure.
import type { ContenderName } from '../contenders/contender.js';
import { NO_ANSWER } from '../load/connection.js';
import type { LoadResult, Sent } from '../load/protocol.js';
import { percentile } from '../statistics.js';

export type BodyKind = 'png' | 'jpeg' | 'mix' | 'png, all defective';

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface ClosedFigures {
  readonly body: BodyKind;
  readonly clients: number;
  readonly perSecond: number;
  /** undefined where nothing was answered. */
  readonly latencyMs: Latency | undefined;
  /** Kind → count. */
  readonly refused: Readonly<Record<string, number>>;
  readonly generatorCpuShare: number;
}

export interface OpenFigures {
  /** Of the capacity measured just before: 3 is three times as much as it can do. */
  readonly load: number;
  readonly offeredPerSecond: number;
  /** Answered within the deadline, after the first seconds. */
  readonly goodputPerSecond: number;
  /** Of what was answered in time. */
  readonly latencyMs: Latency | undefined;
  readonly refused: Readonly<Record<string, number>>;
  /** Path → p99. */
  readonly probesP99Ms: Readonly<Record<string, number>>;
  /** null: not within the time it was watched; undefined: not looked at. */
  readonly recoveryMs: number | null | undefined;
  /** Highest of the samples; undefined where memory cannot be told. */
  readonly peakRssBytes: number | undefined;
  readonly generatorCpuShare: number;
}

/** Bare ONNX Runtime on the same cores, measured beside a contender. */
export interface Ceiling {
  readonly pngPerSecond: number;
  readonly jpegPerSecond: number;
  /** Without decoding. */
  readonly barePerSecond: number;
  /** Decode and run, one worker alone. */
  readonly oneP50Ms: number;
  /** All branches in turn; undefined where nobody is compared with it. */
  readonly mix: { readonly decodedPerSecond: number; readonly barePerSecond: number } | undefined;
}

export interface MeasuredBlock {
  readonly contender: ContenderName;
  readonly round: number;
  readonly ceiling: Ceiling;
  readonly readyMs: number;
  readonly readyRssBytes: number | undefined;
  /** After the closed loops. */
  readonly closedRssBytes: number | undefined;
  /** After the open loops, when it has recovered. */
  readonly endRssBytes: number | undefined;
  readonly closed: readonly ClosedFigures[];
  readonly open: readonly OpenFigures[];
}

export interface FailedBlock {
  readonly contender: ContenderName;
  readonly round: number;
  /** One line. */
  readonly reason: string;
}

export type Block = MeasuredBlock | FailedBlock;

export function isMeasured(block: Block): block is MeasuredBlock {
  return !('reason' in block);
}

export function closedFigures(
  body: BodyKind,
  clients: number,
  measureMs: number,
  { sent, generatorCpuShare }: LoadResult,
): ClosedFigures {
  const answered = sent.filter(({ refusal }) => refusal === undefined);
  return {
    body,
    clients,
    perSecond: (answered.length * 1000) / measureMs,
    latencyMs: latencyOf(answered),
    refused: refusals(sent),
    generatorCpuShare,
  };
}

/** Judged by when a capture was due: those of the first `settleMs` are left out, their refusals too. */
export function openFigures(
  load: number,
  window: { readonly settleMs: number; readonly endMs: number; readonly deadlineMs: number },
  { sent, probesMs, recoveryMs, generatorCpuShare }: LoadResult,
  peakRssBytes: number | undefined,
): OpenFigures {
  const counted = sent.filter(({ atMs }) => atMs >= window.settleMs);
  const seconds = (window.endMs - window.settleMs) / 1000;
  const good = counted.filter(
    ({ refusal, latencyMs }) => refusal === undefined && latencyMs <= window.deadlineMs,
  );
  const late = counted
    .filter(({ refusal, latencyMs }) => refusal === undefined && latencyMs > window.deadlineMs)
    .map((one) => ({ ...one, refusal: NO_ANSWER }));
  return {
    load,
    offeredPerSecond: counted.length / seconds,
    goodputPerSecond: good.length / seconds,
    latencyMs: latencyOf(good),
    refused: refusals([...counted, ...late]),
    probesP99Ms: Object.fromEntries(
      Object.entries(probesMs)
        .filter(([, latencies]) => latencies.length > 0)
        .map(([path, latencies]) => [path, percentile(latencies, 0.99)]),
    ),
    recoveryMs,
    peakRssBytes,
    generatorCpuShare,
  };
}

/** The highest rate of a contender, and how many clients it took. */
export function saturation(closed: readonly ClosedFigures[], body: BodyKind): ClosedFigures | undefined {
  return closed
    .filter((figures) => figures.body === body)
    .reduce<ClosedFigures | undefined>(
      (best, figures) => (best === undefined || figures.perSecond > best.perSecond ? figures : best),
      undefined,
    );
}

function latencyOf(sent: readonly Sent[]): Latency | undefined {
  if (sent.length === 0) return undefined;
  const values = sent.map(({ latencyMs }) => latencyMs);
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), p999: percentile(values, 0.999) };
}

function refusals(sent: readonly Sent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { refusal } of sent) if (refusal !== undefined) counts[refusal] = (counts[refusal] ?? 0) + 1;
  return counts;
}
