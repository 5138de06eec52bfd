// How long a client waits: until its deadline, until it hangs up, or until the service cannot wait any more.
import type { FastifyReply } from 'fastify';
import { ServiceError } from '../errors.js';

export interface WaitingClient {
  /**
   * Aborts with CLIENT_GONE when the connection closes, with DEADLINE_UNREACHABLE when the patience is over, with
   * SHUTTING_DOWN when the service ends in a hurry.
   */
  readonly signal: AbortSignal;
  /** Sets the deadline; its time counts from `receivedMs`. */
  waitFor(patienceMs: number): void;
}

export function watchClient(reply: FastifyReply, receivedMs: number, hurry: AbortSignal): WaitingClient {
  const waiting = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const shutDown = () => waiting.abort(shuttingDown());
  hurry.addEventListener('abort', shutDown, { once: true });
  reply.raw.once('close', () => {
    clearTimeout(timer);
    hurry.removeEventListener('abort', shutDown);
    if (!reply.raw.writableFinished)
      waiting.abort(new ServiceError('CLIENT_GONE', { detail: 'The client closed the connection.' }));
  });
  return {
    signal: waiting.signal,
    waitFor(patienceMs) {
      const detail = `No answer could be given within ${patienceMs} ms.`;
      const over = () =>
        waiting.abort(new ServiceError('DEADLINE_UNREACHABLE', { detail, retryAfterSeconds: 1 }));
      timer = setTimeout(over, receivedMs + patienceMs - performance.now());
    },
  };
}

export function shuttingDown(): ServiceError {
  return new ServiceError('SHUTTING_DOWN', {
    detail: 'This instance is shutting down; send the request again.',
    retryAfterSeconds: 1,
  });
}
