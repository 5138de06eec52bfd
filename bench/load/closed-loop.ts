// A fixed number of clients, each of which sends its next request when its last is answered.
import { Connection } from './connection.js';
import type { ClosedLoop, Sent } from './protocol.js';

/** Longer than any server here lets a request wait. */
const PATIENCE_MS = 30_000;

/** What was answered within the time measured, after the warm-up, with all clients busy before and after. */
export async function runClosedLoop(task: ClosedLoop): Promise<Sent[]> {
  const connection = new Connection(task.url, task.clients);
  const sent: Sent[] = [];
  let turn = 0;
  const startMs = performance.now() + task.warmUpMs;
  const endMs = startMs + task.measureMs;
  const client = async () => {
    for (;;) {
      const sentMs = performance.now();
      if (sentMs >= endMs) return;
      const request = task.requests[turn++ % task.requests.length];
      if (request === undefined) return;
      const refusal = await connection.send(request, PATIENCE_MS);
      const nowMs = performance.now();
      if (nowMs >= startMs && nowMs < endMs)
        sent.push({ atMs: sentMs - startMs, latencyMs: nowMs - sentMs, refusal });
      // A server that refuses at once must not turn this into a storm.
      if (refusal !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(Array.from({ length: task.clients }, client));
  connection.close();
  return sent;
}
