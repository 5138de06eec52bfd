// On a GPU: how fast bare ONNX Runtime is by workers and batch, and which of both the ceiling is measured with.
import { runRaw } from '../ceiling/raw.js';
import type { Bodies } from './bodies.js';

/** How bare ONNX Runtime is driven. */
export interface Drive {
  readonly provider: string;
  readonly workers: number;
  /** Captures of one run. */
  readonly batch: number;
}

export interface SweepRow extends Drive {
  readonly perSecond: number;
}

const WORKERS = [1, 2, 4];
/** Two threads whose WebGPU runs overlap crash the process. */
const WORKERS_OF_WEBGPU = [1];
const BATCHES = [1, 4, 16, 64];

/** Captures run only, decoded beforehand: what the GPU itself can do. */
export async function sweep(
  provider: string,
  { png }: Bodies,
  measureMs: number,
  signal: AbortSignal,
  onProgress: (what: string) => void,
): Promise<SweepRow[]> {
  const jobs = png.map(({ job }) => job);
  const rows: SweepRow[] = [];
  for (const workers of provider === 'webgpu' ? WORKERS_OF_WEBGPU : WORKERS)
    for (const batch of BATCHES) {
      onProgress(`${workers} workers, batches of ${batch}`);
      const task = { jobs, decode: false, workers, provider, batch, warmUpMs: measureMs / 2, measureMs };
      const { latenciesMs } = await runRaw(task, signal);
      rows.push({ provider, workers, batch, perSecond: (latenciesMs.length * 1000) / measureMs });
    }
  return rows;
}

/** Throws RangeError where nothing was measured. */
export function fastest(rows: readonly SweepRow[]): SweepRow {
  const [first] = rows.toSorted((one, other) => other.perSecond - one.perSecond);
  if (first === undefined) throw new RangeError('nothing was measured');
  return first;
}
