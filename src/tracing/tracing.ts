// The trace of each request: its place in it always, its spans where they are exported.
import { continueTrace, parseTraceparent, type TraceContext } from './trace-context.js';

export interface TracedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly traceparent: string | string[] | undefined;
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Tracing {
  begin(request: TracedRequest): TraceContext;
  /** What `run` begins, now or later, belongs to this trace. */
  within(trace: TraceContext, run: () => void): void;
  /** Of the request that this is done for, where that is known. */
  current(): TraceContext | undefined;
  /** A part of what is done for the current request, on the clock of `performance.now()`. */
  stage(name: string, startMs: number, endMs: number): void;
  /** Of the current request. */
  describe(attributes: Attributes): void;
  /** The answer is sent. */
  end(trace: TraceContext, answer: { readonly route: string | undefined; readonly status: number }): void;
  /** What is not sent yet is sent, where that takes no longer than a moment. */
  close(): Promise<void>;
}

/** Without an export: ids for the log and the answer, and nothing else. */
export const plainTracing: Tracing = {
  begin: ({ traceparent }) => continueTrace(parseTraceparent(traceparent)),
  within: (_trace, run) => run(),
  current: () => undefined,
  stage: () => {},
  describe: () => {},
  end: () => {},
  close: async () => {},
};
