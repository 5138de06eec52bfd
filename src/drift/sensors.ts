// Each station's sensors: which of those that used to come no longer do, and which send the same again and again.
import type { Inspection } from '../inspection.js';
import { Recent } from './recent.js';

export interface SensorLimits {
  /** Captures in a row without it after which a sensor is dead. */
  readonly deadAfterCaptures: number;
  /** Captures in a row with the very same signal after which a sensor is frozen. */
  readonly frozenAfterCaptures: number;
  /** A sensor that did not come for so long is forgotten: it was taken away. */
  readonly maxAgeMs: number;
}

export type SensorState = 'alive' | 'dead' | 'frozen';

export interface SensorReport {
  readonly lineId: string | null;
  readonly stationId: string | null;
  readonly recipe: string | null;
  readonly modality: string;
  readonly state: SensorState;
  /** Captures since it last came. */
  readonly missedCaptures: number;
  /** Captures in a row, the newest included, that carried the same signal; 0: the newest could not be used. */
  readonly sameCaptures: number;
  readonly lastSeenAt: string;
}

/** Combinations of line, station and recipe. */
const MAX_STATIONS = 500;
/** What came less often was a trial, and is not missed. */
const MIN_SEEN = 3;
/** A slow line need not make twenty parts: so many captures and so long without it are enough. */
const DEAD_AFTER_MS = 30 * 60_000;
const DEAD_AFTER_LEAST = 3;

interface Sensor {
  seen: number;
  missed: number;
  same: number;
  fingerprint: number | undefined;
  lastSeenMs: number;
  lastCaptureId: string;
}

interface Station {
  readonly lineId: string | null;
  readonly stationId: string | null;
  readonly recipe: string | null;
  readonly sensors: Map<string, Sensor>;
  lastCaptureMs: number;
}

export class SensorWatch {
  readonly #stations = new Recent<Station>(MAX_STATIONS);
  readonly #limits: SensorLimits;

  constructor(limits: SensorLimits) {
    this.#limits = limits;
  }

  /** `fingerprints`: of what arrived and can be used, by modality. */
  add(inspection: Inspection, fingerprints: ReadonlyMap<string, number>, atMs: number): void {
    const { lineId, stationId, recipe, captureId, previous, modalities } = inspection;
    const station = this.#stationOf(lineId, stationId, recipe);
    const { sensors } = station;
    station.lastCaptureMs = atMs;
    for (const modality of [...fingerprints.keys(), ...modalities.dropped.map(({ name }) => name)]) {
      const sensor = sensors.get(modality) ?? newSensor(atMs);
      sensors.set(modality, sensor);
      // A revised answer is given on the same signals, and on one that came late.
      if (sensor.lastCaptureId !== captureId) arrived(sensor, fingerprints.get(modality), captureId, atMs);
    }
    if (previous === null)
      for (const modality of modalities.missing) {
        const sensor = sensors.get(modality);
        if (sensor !== undefined) sensor.missed++;
      }
  }

  report(nowMs: number): SensorReport[] {
    const stations = this.#stations.current(({ sensors }) => {
      for (const [modality, { lastSeenMs }] of sensors)
        if (lastSeenMs < nowMs - this.#limits.maxAgeMs) sensors.delete(modality);
      return sensors.size === 0;
    });
    return stations.flatMap((station) =>
      [...station.sensors]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([modality, sensor]) => ({
          lineId: station.lineId,
          stationId: station.stationId,
          recipe: station.recipe,
          modality,
          state: this.#stateOf(sensor, station.lastCaptureMs),
          missedCaptures: sensor.missed,
          sameCaptures: sensor.same,
          lastSeenAt: new Date(sensor.lastSeenMs).toISOString(),
        })),
    );
  }

  #stationOf(lineId: string | null, stationId: string | null, recipe: string | null): Station {
    return this.#stations.of(JSON.stringify([lineId, stationId, recipe]), () => ({
      lineId,
      stationId,
      recipe,
      sensors: new Map(),
      lastCaptureMs: 0,
    }));
  }

  #stateOf({ seen, missed, same, lastSeenMs }: Sensor, lastCaptureMs: number): SensorState {
    const { deadAfterCaptures, frozenAfterCaptures } = this.#limits;
    const isLong = missed >= DEAD_AFTER_LEAST && lastCaptureMs - lastSeenMs >= DEAD_AFTER_MS;
    if (seen >= MIN_SEEN && (missed >= deadAfterCaptures || isLong)) return 'dead';
    return same >= frozenAfterCaptures ? 'frozen' : 'alive';
  }
}

function newSensor(atMs: number): Sensor {
  return { seen: 0, missed: 0, same: 0, fingerprint: undefined, lastSeenMs: atMs, lastCaptureId: '' };
}

function arrived(sensor: Sensor, fingerprint: number | undefined, captureId: string, atMs: number): void {
  const isSame = fingerprint !== undefined && fingerprint === sensor.fingerprint;
  sensor.same = fingerprint === undefined ? 0 : isSame ? sensor.same + 1 : 1;
  sensor.fingerprint = fingerprint;
  sensor.seen++;
  sensor.missed = 0;
  sensor.lastSeenMs = atMs;
  sensor.lastCaptureId = captureId;
}
