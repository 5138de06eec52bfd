// Which settings are worth trying on so many cores, and which of the measured ones is taken (pure).

export interface Setting {
  readonly workers: number;
  readonly intraOpThreads: number;
  readonly maxBatch: number;
}

export interface Measured extends Setting {
  /** With more clients than workers. */
  readonly capturesPerSecond: number;
  /** Of a single client. */
  readonly p50Ms: number;
}

/** Of a GPU: what queued while it was busy runs together. On a CPU a batch gains nothing. */
const GPU_BATCHES = [1, 4, 16];
/** Below this, two settings differ by what the machine did beside them. */
const SAME = 0.03;

/**
 * With threads in powers of two: a worker for each core, which then share the cores where all are busy and have them
 * to themselves where one is; as many workers as have cores of their own; and one alone to compare with.
 */
export function settingsFor(cores: number, provider: string): Setting[] {
  const batches = provider === 'cpu' ? [1] : GPU_BATCHES;
  // Runs of WebGPU may not overlap; a GPU that others share gains from a second worker at most.
  const most = provider === 'webgpu' ? 1 : provider === 'cpu' ? cores : 2;
  const settings: Setting[] = [];
  for (let threads = 1; threads <= (provider === 'cpu' ? cores : 1); threads *= 2)
    for (const workers of new Set([most, Math.min(most, Math.floor(cores / threads)), 1]))
      for (const maxBatch of batches) settings.push({ workers, intraOpThreads: threads, maxBatch });
  return settings;
}

/** Throws RangeError where nothing was measured. */
export function best(measured: readonly Measured[]): Measured {
  const most = Math.max(...measured.map(({ capturesPerSecond }) => capturesPerSecond));
  const [first] = measured
    .filter(({ capturesPerSecond }) => capturesPerSecond >= most * (1 - SAME))
    .sort((one, other) => one.p50Ms - other.p50Ms);
  if (first === undefined) throw new RangeError('no setting was measured');
  return first;
}

/** Comments say what it was measured on: a file that was carried to another machine should be recognised. */
export function environmentFile(found: Setting, about: readonly string[]): string {
  return [
    ...about.map((line) => `# ${line}`),
    `WORKERS=${found.workers}`,
    `INTRA_OP_THREADS=${found.intraOpThreads}`,
    `MAX_BATCH=${found.maxBatch}`,
    '',
  ].join('\n');
}
