// Opens the byte budget: its ceiling from the configuration, what every capture costs from the models.
import { totalmem } from 'node:os';
import type { Bundle } from '../bundle/bundle.js';
import type { Manifest } from '../bundle/manifest.js';
import type { Config } from '../config.js';
import { ByteBudget } from '../http/byte-budget.js';
import { JSON_COPIES } from '../http/read-capture.js';
import type { Metrics } from '../metrics/metrics.js';

const ITEM_BYTES = { uint8: 1, float32: 4 } as const;
const GIB = 1024 ** 3;

/** Throws an Error of one line where a capture of the largest allowed body would never fit. */
export function openBudget(config: Config, bundles: readonly Bundle[], metrics: Metrics): ByteBudget {
  const { bodyLimitBytes } = config;
  const perCaptureBytes = Math.max(...bundles.map(({ manifest }) => 2 * tensorBytes(manifest)));
  const largestBytes = JSON_COPIES * bodyLimitBytes + perCaptureBytes;
  const inFlightBytes = config.inFlightBytes ?? Math.max(largestBytes, defaultBytes());
  if (inFlightBytes < largestBytes)
    throw new Error(
      `IN_FLIGHT_BYTES=${inFlightBytes}: must be at least ${largestBytes}: one JSON body of BODY_LIMIT_BYTES ` +
        `(${JSON_COPIES} x ${bodyLimitBytes}) and its tensors (${perCaptureBytes})`,
    );
  metrics.inFlightLimit(inFlightBytes);
  return new ByteBudget({
    limitBytes: inFlightBytes,
    perCaptureBytes,
    onHeld: metrics.inFlightBytes,
    onRefused: metrics.bytesRefused,
  });
}

/** A quarter of what the machine or its container has: the rest is for models, the store, and what is not yet collected. */
function defaultBytes(): number {
  const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return Math.min(GIB, Math.floor(memoryBytes / 4));
}

/** Of a capture with every modality of the model; twice, because a copy of each goes to a worker. */
function tensorBytes({ encoders }: Manifest): number {
  return encoders
    .flatMap(({ inputs }) => inputs)
    .map(({ dtype, shape }) => shape.reduce<number>(perSample, ITEM_BYTES[dtype]))
    .reduce((total, bytes) => total + bytes, 0);
}

function perSample(product: number, size: number | 'N'): number {
  return size === 'N' ? product : product * size;
}
