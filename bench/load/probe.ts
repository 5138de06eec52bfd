// Asks health and metrics beside a load, as an orchestrator and a dashboard do.
import { Connection } from './connection.js';
import { PROBE_PATIENCE_MS, type PreparedRequest, type Probe } from './protocol.js';

export interface Probes {
  /** By path, latencies. */
  stop(): Promise<Record<string, number[]>>;
}

export function startProbes(url: string, probes: readonly Probe[]): Probes {
  const connection = new Connection(url, null);
  const latenciesMs: Record<string, number[]> = {};
  let stopped = false;
  const ask = async ({ path, everyMs }: Probe) => {
    const request: PreparedRequest = { method: 'GET', path, headers: {}, body: new Uint8Array() };
    const own: number[] = [];
    latenciesMs[path] = own;
    while (!stopped) {
      const startedMs = performance.now();
      const refusal = await connection.send(request, PROBE_PATIENCE_MS);
      const tookMs = performance.now() - startedMs;
      own.push(refusal === undefined ? tookMs : Math.max(tookMs, PROBE_PATIENCE_MS));
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, everyMs - tookMs)));
    }
  };
  const asking = probes.map(ask);
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(asking);
      connection.close();
      return latenciesMs;
    },
  };
}
