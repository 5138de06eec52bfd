// Gives each request its place in a trace: in its log lines, in its answer, and around what is done for it.
import type { IncomingMessage } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyServerOptions } from 'fastify';
import { formatTraceresponse, type TraceContext } from '../tracing/trace-context.js';
import type { Tracing } from '../tracing/tracing.js';
import { RequestLog } from './request-log.js';

export interface RequestTraces {
  /** Of the server, which calls it before anything else is done for a request. */
  readonly childLoggerFactory: NonNullable<FastifyServerOptions['childLoggerFactory']>;
  /** Fields for lines that are logged in the middle of a request by somebody who does not know of it. */
  readonly mixin: (_fields: object, _level: number, logger: FastifyBaseLogger) => object;
  mount(server: FastifyInstance): void;
}

/** As OpenTelemetry names them in logs of other formats. */
const fieldsOf = ({ traceId, spanId }: TraceContext) => ({ trace_id: traceId, span_id: spanId });

export function traceRequests(tracing: Tracing): RequestTraces {
  const traces = new WeakMap<IncomingMessage, TraceContext>();
  return {
    childLoggerFactory(logger, bindings, options, rawRequest) {
      const request = rawRequest as IncomingMessage;
      const { method = '', url = '', headers } = request;
      const context = tracing.begin({ method, url, traceparent: headers.traceparent });
      traces.set(request, context);
      return new RequestLog(() => logger.child({ ...bindings, ...fieldsOf(context) }, options));
    },
    mixin(_fields, _level, logger) {
      const context = tracing.current();
      if (context === undefined) return {};
      const { bindings } = logger as unknown as { bindings(): object };
      return 'trace_id' in bindings.call(logger) ? {} : fieldsOf(context);
    },
    mount(server) {
      server.addHook('onRequest', (request, reply, done) => {
        const context = traces.get(request.raw);
        if (context === undefined) return done();
        reply.header('traceresponse', formatTraceresponse(context));
        tracing.within(context, done);
      });
      server.addHook('onResponse', async (request, reply) => {
        const context = traces.get(request.raw);
        const route = request.routeOptions.url;
        if (context !== undefined) tracing.end(context, { route, status: reply.statusCode });
      });
    },
  };
}
