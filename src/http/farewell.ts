// The end of the server: every request that reached it is answered, and only then are the connections closed.
import type { Socket } from 'node:net';
import { Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** In it a client that is busy sends its next request; closed under it, it would get a reset, not its answer. */
const LINGER_MS = 500;
/** What a refused request may still need when time is short: see drain.ts. */
const HURRIED_MS = 2200;

/** `hurry` cuts the waiting short. Call before the server is ready. */
export function prepareFarewell(
  server: FastifyInstance,
  hurry: AbortSignal,
): { closeGently(): Promise<void> } {
  const open = new Set<Socket>();
  const watchers = new Set<() => void>();
  let busy = 0;
  const changed = () => {
    for (const look of watchers) look();
  };
  server.addHook('onRequest', async ({ raw: { socket } }, reply) => {
    busy++;
    reply.raw.once('close', () => {
      busy--;
      changed();
    });
    if (open.has(socket)) return;
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      changed();
    });
  });

  const until = (done: () => boolean, giveUp: AbortSignal) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!done() && !giveUp.aborted) return;
        watchers.delete(look);
        // A signal that is listened to is held, and the whole server with it, even where it never aborts.
        giveUp.removeEventListener('abort', look);
        resolve();
      };
      watchers.add(look);
      giveUp.addEventListener('abort', look, { once: true });
      look();
    });

  return {
    async closeGently() {
      // Each answer says "Connection: close" by now: a busy client's next one is the last on its connection.
      await until(() => open.size === 0, AbortSignal.any([hurry, AbortSignal.timeout(LINGER_MS)]));
      // Not the HTTP server's own close(): it cuts off idle connections whose next request lies unread.
      if (server.server.listening) Server.prototype.close.call(server.server);
      for (;;) {
        await until(() => busy === 0, hurry);
        // What has arrived by now is read in the next turn of the event loop.
        await setImmediate();
        if (busy === 0 || hurry.aborted) break;
      }
      await until(() => busy === 0, AbortSignal.timeout(HURRIED_MS));
      server.server.closeAllConnections();
      await server.close();
    },
  };
}
