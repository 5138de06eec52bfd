// Opens the byte budget: its ceiling from the configuration, what every capture costs from the models.
import type { Bundle } from '../bundle/bundle.js';
import type { Manifest } from '../bundle/manifest.js';
import type { Config } from '../config.js';
import { ByteBudget } from '../http/byte-budget.js';
import type { Metrics } from '../metrics/metrics.js';

const ITEM_BYTES = { uint8: 1, float32: 4 } as const;

/** Throws an Error of one line where a capture of the largest allowed body would never fit. */
export function openBudget(config: Config, bundles: readonly Bundle[], metrics: Metrics): ByteBudget {
  const { inFlightBytes, bodyLimitBytes } = config;
  const perCaptureBytes = Math.max(...bundles.map(({ manifest }) => 2 * tensorBytes(manifest)));
  const largestBytes = bodyLimitBytes + perCaptureBytes;
  if (inFlightBytes < largestBytes)
    throw new Error(
      `IN_FLIGHT_BYTES=${inFlightBytes}: must be at least ${largestBytes}: one body of BODY_LIMIT_BYTES ` +
        `(${bodyLimitBytes}) and its tensors (${perCaptureBytes})`,
    );
  metrics.inFlightLimit(inFlightBytes);
  return new ByteBudget({
    limitBytes: inFlightBytes,
    perCaptureBytes,
    onHeld: metrics.inFlightBytes,
    onRefused: metrics.bytesRefused,
  });
}

/** Of a capture with every modality of the model; twice, because a copy of each is moved to a worker. */
function tensorBytes({ encoders }: Manifest): number {
  return encoders
    .flatMap(({ inputs }) => inputs)
    .map(({ dtype, shape }) => shape.reduce<number>(perSample, ITEM_BYTES[dtype]))
    .reduce((total, bytes) => total + bytes, 0);
}

function perSample(product: number, size: number | 'N'): number {
  return size === 'N' ? product : product * size;
}
