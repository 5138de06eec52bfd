// How long a client waits: until its deadline, until it hangs up, or until the service shuts down.
import type { FastifyReply } from 'fastify';
import { ServiceError } from '../errors.js';

export interface WaitingClient {
  /** On the monotonic clock of performance.now(). */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Aborts with CLIENT_GONE when the connection closes, with DEADLINE_UNREACHABLE when `patienceMs` are over. */
export function watchClient(reply: FastifyReply, receivedMs: number, patienceMs: number): WaitingClient {
  const waiting = new AbortController();
  const timer = setTimeout(() => {
    const detail = `No answer could be given within ${patienceMs} ms.`;
    waiting.abort(new ServiceError('DEADLINE_UNREACHABLE', { detail, retryAfterSeconds: 1 }));
  }, patienceMs);
  reply.raw.once('close', () => {
    clearTimeout(timer);
    if (!reply.raw.writableFinished)
      waiting.abort(new ServiceError('CLIENT_GONE', { detail: 'The client closed the connection.' }));
  });
  return { deadlineMs: receivedMs + patienceMs, signal: waiting.signal };
}
