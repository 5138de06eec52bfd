// Answers every error, wherever it arose, with its problem; logs those that are ours.
import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, ServiceError } from '../errors.js';
import { prefersText } from './accept.js';
import { type DrainLimits, drain } from './drain.js';
import { refusalLine, TEXT_CONTENT_TYPE } from './plain-text.js';
import { PROBLEM_TYPE, toProblem, toServiceError } from './problem.js';
import { RefusalLog } from './refusal-log.js';

export function handleErrors(
  server: FastifyInstance,
  drainLimits: DrainLimits,
  onRefused: (code: ErrorCode) => void,
): void {
  const refusals = new RefusalLog({
    log: server.log,
    after: (ms, callBack) => setTimeout(callBack, ms).unref(),
  });
  server.setErrorHandler(async (thrown, request, reply) => {
    const error = toServiceError(thrown);
    onRefused(error.code);
    if (error.status === 500) request.log.error({ err: error.cause ?? error }, error.message);
    else refusals.refused(error, request.log);
    return refuse(error, request, reply, drainLimits);
  });
  server.setNotFoundHandler((request, reply) => {
    onRefused('NOT_FOUND');
    const detail = `There is no ${request.method} ${request.url.split('?')[0]}; see /docs.`;
    return refuse(new ServiceError('NOT_FOUND', { detail }), request, reply, drainLimits);
  });
}

/** Sends the problem, once what is left of the request's body was read away; of a body that stopped, nothing is. */
export async function refuse(
  error: ServiceError,
  request: FastifyRequest,
  reply: FastifyReply,
  drainLimits: DrainLimits,
): Promise<FastifyReply> {
  if (error.code !== 'REQUEST_TIMEOUT') await drain(request.raw, drainLimits);
  // Only then: read to its end, the connection serves the next request, and to open another one costs both sides.
  if (!request.raw.complete) reply.header('connection', 'close');
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds);
  reply.code(error.status);
  if (prefersText(request.headers.accept)) return reply.type(TEXT_CONTENT_TYPE).send(refusalLine(error));
  return reply.type(PROBLEM_TYPE).serializer(JSON.stringify).send(toProblem(error));
}

/** For bytes that are no HTTP, or end in the middle of it: there is no request to reply to, only a socket. */
export function answerBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const problem = toProblem(brokenHttp(error));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function brokenHttp({ code, message }: NodeJS.ErrnoException): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('HEADERS_TOO_LARGE', {
        detail:
          `The address and the headers are over ${maxHeaderSize} bytes together; ` +
          'send long metadata in the body, as a multipart part.',
      });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('REQUEST_TIMEOUT', {
        detail: 'The request did not arrive in time; send it again.',
      });
    case 'HPE_INVALID_EOF_STATE':
      return new ServiceError('BAD_REQUEST', {
        detail: 'The connection ended in the middle of the request.',
      });
    default:
      return new ServiceError('BAD_REQUEST', {
        detail: `The request is no valid HTTP (${code ?? message}).`,
      });
  }
}
