// Reads the body of a capture as it comes: under its limit and the budget, and no longer than it makes progress.
import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../errors.js';
import { BodyBytes } from './body-bytes.js';
import type { Claim } from './byte-budget.js';

export interface BodyReading {
  /** As `announcedBytes` gave it. */
  readonly announcedBytes: number;
  readonly bodyLimitBytes: number;
  /** A body of which nothing comes for so long is cut off. */
  readonly bodyStallMs: number;
  readonly onStall: () => void;
  readonly claim: Pick<Claim, 'growBody'>;
  /** Aborts when nobody waits for the answer any more; its reason becomes the rejection. */
  readonly signal: AbortSignal;
}

/** A body on its way. */
export interface BodyWatch {
  /** Resolves after the last byte. Rejects with what readBody throws. */
  readonly ended: Promise<void>;
  stop(): void;
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
  const body = new BodyBytes(reading);
  await watchBody(request, reading, (chunk) => body.append(chunk)).ended;
  return body.view(0, body.length);
}

/** Reads the body for `take`, which may throw, or beside another reader. */
export function watchBody(
  request: IncomingMessage,
  reading: BodyReading,
  take: (chunk: Buffer) => void,
): BodyWatch {
  const { bodyLimitBytes, bodyStallMs, onStall, signal } = reading;
  let received = 0;
  let stop = () => {};
  const ended = new Promise<void>((resolve, reject) => {
    const fail = (error: unknown) => {
      stop();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      timer.refresh();
      received += chunk.length;
      try {
        assertWithinLimit(received, bodyLimitBytes);
        take(chunk);
      } catch (error) {
        request.pause();
        fail(error);
      }
    };
    const onEnd = () => {
      stop();
      resolve();
    };
    const onGone = (cause?: Error) =>
      fail(new ServiceError('CLIENT_GONE', { detail: 'The client closed the connection.', cause }));
    const onAbort = () => fail(signal.reason);
    const timer = setTimeout(() => {
      onStall();
      fail(stalled(received, reading));
    }, bodyStallMs);
    stop = () => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
      signal.removeEventListener('abort', onAbort);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    request.on('data', onData).once('end', onEnd).once('close', onGone).once('error', onGone);
  });
  return { ended, stop: () => stop() };
}

function stalled(received: number, { announcedBytes, bodyStallMs }: BodyReading): ServiceError {
  const promised = announcedBytes > 0 ? ` of ${announcedBytes}` : '';
  return new ServiceError('REQUEST_TIMEOUT', {
    detail:
      `The body stopped after ${received}${promised} bytes: nothing came for ${bodyStallMs} ms (BODY_STALL_MS). ` +
      'Look at the network, and send it again.',
  });
}

function assertWithinLimit(bytes: number, bodyLimitBytes: number): void {
  if (bytes > bodyLimitBytes)
    throw new ServiceError('BODY_TOO_LARGE', {
      detail: `The body is over the limit of ${bodyLimitBytes} bytes (BODY_LIMIT_BYTES).`,
    });
}
