// Reads the body of a capture as it comes: under its limit and the budget, and no longer than it makes progress.
import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../errors.js';
import type { Claim } from './byte-budget.js';

/** Of a body that does not announce its length. */
const FIRST_CAPACITY_BYTES = 64 * 1024;

export interface BodyReading {
  readonly bodyLimitBytes: number;
  /** A body of which nothing comes for so long is cut off. */
  readonly bodyStallMs: number;
  readonly onStall: () => void;
  readonly claim: Pick<Claim, 'growBody'>;
  /** Aborts when nobody waits for the answer any more; its reason becomes the rejection. */
  readonly signal: AbortSignal;
}

/** Of the head; 0 where the body comes in chunks. Throws ServiceError BODY_TOO_LARGE. */
export function announcedBytes(request: IncomingMessage, bodyLimitBytes: number): number {
  const announced = Number(request.headers['content-length'] ?? 0);
  assertWithinLimit(announced, bodyLimitBytes);
  return announced;
}

/**
 * The whole body. The connection stays open whatever happens, so that the client can be answered.
 * Throws ServiceError BODY_TOO_LARGE, OVERLOADED, REQUEST_TIMEOUT, CLIENT_GONE, or the signal's reason.
 */
export async function readBody(request: IncomingMessage, reading: BodyReading): Promise<Buffer> {
  const { bodyLimitBytes, bodyStallMs, onStall, claim, signal } = reading;
  signal.throwIfAborted();
  const announced = announcedBytes(request, bodyLimitBytes);
  // One buffer, not a list of chunks: sent in chunks of one byte, a body took 500 times its length in them.
  let body = Buffer.allocUnsafeSlow(announced);
  let received = 0;
  const take = (chunk: Buffer) => {
    const length = received + chunk.length;
    assertWithinLimit(length, bodyLimitBytes);
    if (length > body.length) {
      const capacity = Math.min(bodyLimitBytes, Math.max(FIRST_CAPACITY_BYTES, 2 * length));
      claim.growBody(capacity - body.length);
      body = Buffer.concat([body.subarray(0, received)], capacity);
    }
    chunk.copy(body, received);
    received = length;
  };
  const stall = () => {
    onStall();
    return stalled(received, announced, bodyStallMs);
  };
  await consume(request, take, bodyStallMs, stall, signal);
  return body.subarray(0, received);
}

function consume(
  request: IncomingMessage,
  take: (chunk: Buffer) => void,
  stallMs: number,
  stall: () => ServiceError,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', settle).off('close', onGone).off('error', onGone);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onData = (chunk: Buffer) => {
      timer.refresh();
      try {
        take(chunk);
      } catch (error) {
        request.pause();
        settle(error);
      }
    };
    const onGone = (cause?: Error) =>
      settle(new ServiceError('CLIENT_GONE', { detail: 'The client closed the connection.', cause }));
    const onAbort = () => settle(signal.reason);
    const timer = setTimeout(() => settle(stall()), stallMs);
    signal.addEventListener('abort', onAbort);
    request.on('data', onData).once('end', settle).once('close', onGone).once('error', onGone);
  });
}

function stalled(received: number, announced: number, stallMs: number): ServiceError {
  const promised = announced > 0 ? ` of ${announced}` : '';
  return new ServiceError('REQUEST_TIMEOUT', {
    detail:
      `The body stopped after ${received}${promised} bytes: nothing came for ${stallMs} ms (BODY_STALL_MS). ` +
      'Look at the network, and send it again.',
  });
}

function assertWithinLimit(bytes: number, bodyLimitBytes: number): void {
  if (bytes > bodyLimitBytes)
    throw new ServiceError('BODY_TOO_LARGE', {
      detail: `The body is over the limit of ${bodyLimitBytes} bytes (BODY_LIMIT_BYTES).`,
    });
}
