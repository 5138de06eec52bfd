// Maps as they are stored: 16 bits for 0…1.
import type { StoredMap } from '../store/store.js';
import type { BatchAnswer, BatchMap } from '../worker/protocol.js';

const FULL_SCALE = 65535;

/** "fused" and each used modality's own, of a batch of one. */
export function storedMaps(answer: BatchAnswer): Record<string, StoredMap> {
  const maps: Record<string, StoredMap> = { fused: quantise(answer.map) };
  for (const [name, map] of Object.entries(answer.modalityMaps)) maps[name] = quantise(map);
  return maps;
}

/** Rounded, clamped to 0…1. */
export function quantise({ height, width, values }: BatchMap): StoredMap {
  const quantised = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    quantised[i] = value <= 0 ? 0 : value >= 1 ? FULL_SCALE : value * FULL_SCALE + 0.5; // a Uint16Array cuts
  }
  return { height, width, values: quantised };
}
