// Reads away what is left of a refused body: answered with bytes unread, a client gets a reset, not its answer.
import type { IncomingMessage } from 'node:http';

/** A body at the limit takes 3 s at 100 Mbit/s, and an overloaded machine is slower; a client that trickles is cut off. */
const DRAIN_MS = 10_000;
/** When the service ends in a hurry; farewell.ts waits a little longer. */
const HURRIED_DRAIN_MS = 2000;

export interface DrainLimits {
  /** A body of which nothing comes for so long is given up. */
  readonly stallMs: number;
  /** Aborts when the service ends in a hurry. */
  readonly hurry: AbortSignal;
}

/** Resolves when the body is at its end, the client is gone, nothing came for `stallMs`, or it has taken too long. */
export function drain(request: IncomingMessage, { stallMs, hurry }: DrainLimits): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(stall);
      clearTimeout(end);
      hurry.removeEventListener('abort', shorten);
      request.off('data', progress).off('end', settle).off('close', settle).off('error', settle);
      request.resume();
      resolve();
    };
    const stall = setTimeout(settle, stallMs);
    let end = setTimeout(settle, DRAIN_MS);
    const shorten = () => {
      clearTimeout(end);
      end = setTimeout(settle, HURRIED_DRAIN_MS);
    };
    const progress = () => stall.refresh();
    if (hurry.aborted) shorten();
    else hurry.addEventListener('abort', shorten, { once: true });
    request.on('data', progress).once('end', settle).once('close', settle).once('error', settle);
    request.resume();
  });
}
