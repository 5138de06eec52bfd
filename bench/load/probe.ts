// Asks health and metrics beside a load, as an orchestrator and a dashboard do.
import { request } from 'undici';
import { PROBE_PATIENCE_MS, type Probe } from './protocol.js';

export interface Probes {
  /** By path, latencies. */
  stop(): Promise<Record<string, number[]>>;
}

export function startProbes(url: string, probes: readonly Probe[]): Probes {
  const latenciesMs: Record<string, number[]> = {};
  let stopped = false;
  const ask = async ({ path, everyMs }: Probe) => {
    const own: number[] = [];
    latenciesMs[path] = own;
    while (!stopped) {
      const startedMs = performance.now();
      const answered = await get(`${url}${path}`);
      const tookMs = performance.now() - startedMs;
      own.push(answered ? tookMs : Math.max(tookMs, PROBE_PATIENCE_MS));
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, everyMs - tookMs)));
    }
  };
  const asking = probes.map(ask);
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(asking);
      return latenciesMs;
    },
  };
}

async function get(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(PROBE_PATIENCE_MS) });
    await body.dump();
    return statusCode < 500;
  } catch {
    return false;
  }
}
