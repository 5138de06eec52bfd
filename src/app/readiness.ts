// Whether a capture would be judged now, and if not, why.
import type { Readiness } from '../http/health.js';
import type { ResultStore } from '../store/store.js';
import type { Inference } from './inference.js';

/** A probe must answer before the orchestrator's own time-out of a second. */
const PING_TIMEOUT_MS = 800;

export function createReadiness(
  { pool, scheduler }: Inference,
  store: Pick<ResultStore, 'ping'>,
  leaving: AbortSignal,
): () => Promise<Readiness> {
  return async () => {
    const reasons: string[] = [];
    const warnings: string[] = [];
    if (leaving.aborted) reasons.push('draining: the service is shutting down');
    if (pool.alive === 0) reasons.push('workers: none is ready; a replacement is starting');
    else if (pool.alive < pool.wanted) warnings.push(`workers: ${pool.alive} of ${pool.wanted} are ready`);
    if (pool.stuck > 0)
      warnings.push(
        `workers: ${pool.stuck} hang in a run and cannot be stopped; restart the service when the line allows`,
      );
    // No reason to stay away: the line still gets its verdicts, marked "stored": false.
    const storeFault = await faultOf(store);
    if (storeFault !== undefined) warnings.push(`store: inspections cannot be stored now (${storeFault})`);
    for (const { provider, why } of pool.provider.refused)
      warnings.push(`provider: ${provider} is not in use (${why}); running on ${pool.provider.active}`);
    return {
      ready: reasons.length === 0,
      reasons,
      warnings,
      workers: { ready: pool.alive, wanted: pool.wanted, stuck: pool.stuck },
      queueDepth: scheduler.depth,
      provider: { active: pool.provider.active, refused: [...pool.provider.refused] },
    };
  };
}

async function faultOf(store: Pick<ResultStore, 'ping'>): Promise<string | undefined> {
  const slow = new Promise<string>((resolve) => {
    setTimeout(() => resolve(`no answer within ${PING_TIMEOUT_MS} ms`), PING_TIMEOUT_MS).unref();
  });
  const ping = store.ping().then(
    () => undefined,
    (error: Error) => error.message,
  );
  return Promise.race([ping, slow]);
}
