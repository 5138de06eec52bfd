// The service as it comes: dist/src/main.js with its default configuration, on the provider asked for.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../child-server.js';
import { environmentOfGpu } from '../provider.js';
import { startService } from '../service.js';
import { type Contender, LIVE_EVERY_MS, METRICS_EVERY_MS } from './contender.js';

export interface BenchModel {
  readonly modelsDir: string;
  /** "name@version". */
  readonly model: string;
  /** The modality whose pictures are sent. */
  readonly modality: string;
}

export function branchline({ modelsDir, model, modality }: BenchModel, deadlineMs: number): Contender {
  return {
    name: 'branchline',
    title: 'Branchline',
    start: async (folder) =>
      startService({
        modelsDir,
        model,
        inherit: false,
        // A store of its own: the last round's records must not be in the way.
        storePath: join(folder, `store-${randomUUID()}`),
        logFile: join(folder, 'branchline.log'),
        port: await freePort(),
        env: environmentOfGpu(process.env),
      }),
    requestFor: ({ contentType, bytes }) => ({
      method: 'POST',
      path: `/v1/inspections?modality=${modality}`,
      headers: { 'content-type': contentType, 'x-deadline-ms': String(deadlineMs) },
      body: bytes,
    }),
    probes: [
      { path: '/health/live', everyMs: LIVE_EVERY_MS },
      { path: '/metrics', everyMs: METRICS_EVERY_MS },
    ],
  };
}
