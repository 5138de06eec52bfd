// "traceparent" and "traceresponse" (W3C Trace Context): which trace a request belongs to.
import { randomIdBytes } from '../random-bytes.js';

export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
  /** Of a request, that its caller "may have recorded trace data" (3.2.2.5.1); of an answer, that we did. */
  readonly sampled: boolean;
}

const SAMPLED = 1;
// "version-format = trace-id "-" parent-id "-" trace-flags", lower case alone (3.2.2.2).
const FORMAT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** undefined: none, or one that "MUST" be ignored (3.2.2): then the request begins a trace of its own. */
export function parseTraceparent(header: string | string[] | undefined): TraceContext | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = FORMAT.exec(header) ?? [];
  // "Version ff is invalid"; only versions to come may have more behind the flags (4.3).
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

export function formatTraceresponse({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** Within the caller's trace, or at the beginning of a new one. Nobody here records it, whatever the caller does. */
export function continueTrace(parent: TraceContext | undefined): TraceContext {
  const traceId = parent?.traceId ?? randomIdBytes(16).toString('hex');
  return { traceId, spanId: randomIdBytes(8).toString('hex'), sampled: false };
}
