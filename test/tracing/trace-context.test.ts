import { describe, expect, it } from '@jest/globals';
import { continueTrace, formatTraceresponse, parseTraceparent } from '../../src/tracing/trace-context.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('traceparent', () => {
  it.each([
    [`00-${traceId}-${spanId}-01`, true],
    [`00-${traceId}-${spanId}-00`, false],
    // Flags of later levels are not ours to read.
    [`00-${traceId}-${spanId}-03`, true],
    [`00-${traceId}-${spanId}-02`, false],
    [`cc-${traceId}-${spanId}-01`, true],
    [`cc-${traceId}-${spanId}-01-what-the-future-will-be-like`, true],
  ])('%s is understood', (header, sampled) => {
    expect(parseTraceparent(header)).toEqual({ traceId, spanId, sampled });
  });

  it.each([
    [undefined],
    [''],
    [[`00-${traceId}-${spanId}-01`, `00-${traceId}-${spanId}-01`]],
    [`ff-${traceId}-${spanId}-01`],
    [`00-${traceId}-${spanId}-01-more`],
    [`cc-${traceId}-${spanId}-01more`],
    [`00-${traceId.toUpperCase()}-${spanId}-01`],
    [`00-${'0'.repeat(32)}-${spanId}-01`],
    [`00-${traceId}-${'0'.repeat(16)}-01`],
    [`00-${traceId}x-${spanId}-01`],
    [`00-${traceId}-${spanId}-0`],
    [` 00-${traceId}-${spanId}-01`],
  ])('%s is ignored', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});

describe('a trace', () => {
  it('goes on under the same id, with a span of its own', () => {
    const next = continueTrace({ traceId, spanId, sampled: true });
    expect(next).toMatchObject({ traceId, sampled: false });
    expect(next.spanId).not.toBe(spanId);
    expect(formatTraceresponse(next)).toBe(`00-${traceId}-${next.spanId}-00`);
  });

  it('begins where there is none, recorded by nobody', () => {
    const header = formatTraceresponse(continueTrace(undefined));
    expect(parseTraceparent(header)).toMatchObject({ sampled: false });
    expect(header).not.toBe(formatTraceresponse(continueTrace(undefined)));
  });
});
