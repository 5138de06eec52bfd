// The metrics of the process, which all services in it share.
import { collectDefaultMetrics, Registry } from 'prom-client';

let ofProcess: Registry | undefined;

/**
 * Once: the observer of garbage collections and the watch on the event loop that prom-client starts are never stopped,
 * and held the 43 kB of the whole registry they were made for, measured.
 */
export function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
