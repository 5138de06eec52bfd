// Answers every error, wherever it arose, with its problem; logs those that are ours.
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.js';
import { drain } from './drain.js';
import { PROBLEM_TYPE, toProblem, toServiceError } from './problem.js';

export function handleErrors(server: FastifyInstance, bodyLimitBytes: number): void {
  server.setErrorHandler(async (thrown, request, reply) => {
    const error = toServiceError(thrown, bodyLimitBytes);
    if (error.status === 500) request.log.error({ err: error.cause ?? error }, error.message);
    else request.log.info({ code: error.code, part: error.part }, error.message);
    return refuse(error, request, reply);
  });
  server.setNotFoundHandler((request, reply) => {
    const detail = `There is no ${request.method} ${request.url.split('?')[0]}; see /docs.`;
    return refuse(new ServiceError('NOT_FOUND', { detail }), request, reply);
  });
}

async function refuse(error: ServiceError, request: FastifyRequest, reply: FastifyReply) {
  if (!request.raw.complete) reply.header('connection', 'close');
  await drain(request.raw);
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds);
  return reply.code(error.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(toProblem(error));
}

/** For bytes that are no HTTP, or end in the middle of it: there is no request to reply to, only a socket. */
export function answerBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const body = JSON.stringify(
    toProblem(
      new ServiceError('BAD_REQUEST', {
        detail:
          error.code === 'HPE_INVALID_EOF_STATE'
            ? 'The connection ended in the middle of the request.'
            : `The request is no valid HTTP (${error.code ?? error.message}).`,
      }),
    ),
  );
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
