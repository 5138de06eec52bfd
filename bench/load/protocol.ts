// What the bench and its load generator say to each other.

/** A request made ready beforehand, so that sending it costs next to nothing. */
export interface PreparedRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface ClosedLoop {
  readonly kind: 'closed';
  readonly url: string;
  /** Sent in turn, over and over. */
  readonly requests: readonly PreparedRequest[];
  /** Each sends its next request when the last is answered. */
  readonly clients: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface OpenLoop {
  readonly kind: 'open';
  readonly url: string;
  readonly requests: readonly PreparedRequest[];
  /** When each request is sent, whatever became of those before it. */
  readonly arrivalsMs: readonly number[];
  /** After this the client hangs up. */
  readonly deadlineMs: number;
  /** Asked beside the load, on connections of their own. */
  readonly probes: readonly Probe[];
  /** p50 of one client on an idle server; absent: recovery is not looked at. */
  readonly normalMs: number | undefined;
}

export interface Probe {
  readonly path: string;
  readonly everyMs: number;
}

export type LoadTask = ClosedLoop | OpenLoop;

/** "answered" is a 2xx in time; anything else is a short word for what came instead. */
export interface Sent {
  /** From the start of the loop, as planned. */
  readonly atMs: number;
  /** From the planned moment to the whole answer, or to giving up. */
  readonly latencyMs: number;
  /** undefined: answered. */
  readonly refusal: string | undefined;
}

export interface LoadResult {
  readonly sent: readonly Sent[];
  /** By path, latencies; PROBE_PATIENCE_MS where no answer came. */
  readonly probesMs: Readonly<Record<string, readonly number[]>>;
  /** From the last arrival to the first of a run of normal answers; null: not within RECOVERY_WITHIN_MS. */
  readonly recoveryMs: number | null | undefined;
  /** CPU time of the generator ÷ wall time, of one core. */
  readonly generatorCpuShare: number;
}

export const PROBE_PATIENCE_MS = 5000;
export const RECOVERY_WITHIN_MS = 30_000;
