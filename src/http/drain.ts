// Reads away what is left of a refused body: answered with bytes unread, a client gets a reset, not its answer.
import type { IncomingMessage } from 'node:http';

/** Longer than a body at the limit takes on a factory network; a client that trickles is cut off. */
const DRAIN_MS = 2000;

/** Resolves when the body is at its end, the client is gone, or it has taken too long. */
export function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, DRAIN_MS);
    request.once('end', done).once('close', done).once('error', done);
    request.unpipe();
    request.resume();
  });
}
