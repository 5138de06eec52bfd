// Lets the drift room watch by the histograms of the loaded bundles.
import type { Bundle } from '../bundle/bundle.js';
import type { Config } from '../config.js';
import { createDrift, type Drift } from '../drift/drift.js';

const MS_AN_HOUR = 3_600_000;

export function openDrift(config: Config, bundles: readonly Bundle[]): Drift {
  return createDrift({
    references: bundles.flatMap(({ key, manifest }) =>
      manifest.branches.map(({ id, calibration }) => ({
        model: key,
        branch: id,
        bins: calibration.scoreHistogram,
      })),
    ),
    windowCaptures: config.driftWindow,
    windowMs: config.driftWindowHours * MS_AN_HOUR,
    deadAfterCaptures: config.sensorDeadCaptures,
    frozenAfterCaptures: config.sensorFrozenCaptures,
    nowMs: Date.now,
  });
}
