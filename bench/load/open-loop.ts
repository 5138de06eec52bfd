// Requests that are sent when their time has come, whatever became of those before; and what the server is like
// beside and after them.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.js';
import { startProbes } from './probe.js';
import type { OpenLoop, Sent } from './protocol.js';
import { untilNormal } from './recovery.js';

export interface OpenOutcome {
  readonly sent: readonly Sent[];
  readonly probesMs: Readonly<Record<string, readonly number[]>>;
  readonly recoveryMs: number | null | undefined;
}

export async function runOpenLoop(task: OpenLoop): Promise<OpenOutcome> {
  const connection = new Connection(task.url, null);
  const probes = startProbes(task.url, task.probes);
  const startMs = performance.now();
  const underWay: Promise<Sent>[] = [];
  for (const [i, atMs] of task.arrivalsMs.entries()) {
    const earlyMs = startMs + atMs - performance.now();
    if (earlyMs > 1) await sleep(earlyMs);
    underWay.push(sendAt(connection, task, i, startMs + atMs, startMs));
  }
  const probesMs = await probes.stop();
  const normal = task.requests[0];
  const recoveryMs =
    task.normalMs === undefined || normal === undefined
      ? undefined
      : await untilNormal(task.url, normal, task.normalMs);
  const sent = await Promise.all(underWay);
  connection.close();
  return { sent, probesMs, recoveryMs };
}

/** Timed from the moment planned: a generator or server that is late does not make the wait look shorter. */
async function sendAt(
  connection: Connection,
  { requests, deadlineMs }: OpenLoop,
  i: number,
  plannedMs: number,
  startMs: number,
): Promise<Sent> {
  const request = requests[i % requests.length];
  if (request === undefined) throw new RangeError('an open loop needs a request');
  const patienceMs = Math.max(0, plannedMs + deadlineMs - performance.now());
  const refusal = await connection.send(request, patienceMs);
  return { atMs: plannedMs - startMs, latencyMs: performance.now() - plannedMs, refusal };
}
