// The parts of one station and what happens to their sensors: the same seed makes the same shift.
import { drawBelow, type Random, seededRandom } from '../random.js';
import type { Form, LineOptions } from './options.js';

/** A capture as all sensors would see it: modality → bytes of its file. */
export type FullCapture = ReadonlyMap<string, Uint8Array>;

export interface Part {
  readonly captureId: string;
  readonly lineId: string;
  readonly stationId: string;
  readonly partId: string;
  readonly form: Form;
  /** What its sensors sent in time. */
  readonly modalities: FullCapture;
  /** What came after the others were judged. */
  readonly late: { readonly name: string; readonly bytes: Uint8Array } | undefined;
  /** Sent twice: both at once, or again after the answer. */
  readonly twin: 'none' | 'beside' | 'after';
  readonly frozen: boolean;
}

type PartOptions = Pick<LineOptions, 'seed' | 'missing' | 'late' | 'duplicate' | 'forms'>;

/** Begins every captureId of a shift, and nobody else's. */
export const prefixOf = (shift: string) => `${shift}-`;

/** One part in fifty finds a sensor that has just frozen; it stays so for a few parts. */
const FREEZES = 0.02;
const FROZEN_PARTS = 5;

export class Parts {
  readonly #options: PartOptions;
  readonly #samples: readonly FullCapture[];
  readonly #station: string;
  readonly #shift: string;
  readonly #random: Random;
  /** Modality → its last bytes, and for how many parts more it sends only these. */
  readonly #frozen = new Map<string, { readonly bytes: Uint8Array; left: number }>();
  #made = 0;

  /** `station`: 1… */
  constructor(options: PartOptions, samples: readonly FullCapture[], station: number, shift = 'shift') {
    this.#shift = shift;
    this.#options = options;
    this.#samples = samples;
    this.#station = String(station);
    this.#random = seededRandom(options.seed * 1009 + station);
  }

  next(): Part {
    const { missing, late, duplicate, forms } = this.#options;
    const random = this.#random;
    this.#made += 1;
    const number = String(this.#made).padStart(4, '0');
    const full = this.#samples[drawBelow(random, this.#samples.length)] as FullCapture;
    const { seen, frozen } = this.#throughSensors(full);
    const kept = random() < missing ? properSubset(seen, random) : seen;
    const lateName = kept.size > 1 && random() < late ? pick([...kept.keys()], random) : undefined;
    const form = pick(forms, random);
    const isTwin = random() < duplicate;
    const twin = random() < 0.5 ? 'beside' : 'after';
    const lateBytes = lateName === undefined ? undefined : kept.get(lateName);
    return {
      captureId: `${prefixOf(this.#shift)}${this.#station}-${number}`,
      lineId: `simulated-${this.#station}`,
      stationId: `station-${this.#station}`,
      partId: `${prefixOf(this.#shift)}${this.#station}-${number}`,
      form: lateName === undefined ? form : 'pieces',
      modalities: new Map([...kept].filter(([name]) => name !== lateName)),
      late:
        lateName === undefined || lateBytes === undefined ? undefined : { name: lateName, bytes: lateBytes },
      twin: isTwin ? twin : 'none',
      frozen,
    };
  }

  #throughSensors(full: FullCapture): { readonly seen: FullCapture; readonly frozen: boolean } {
    const names = [...full.keys()];
    if (this.#random() < FREEZES) {
      const name = pick(names, this.#random);
      this.#frozen.set(name, { bytes: full.get(name) as Uint8Array, left: FROZEN_PARTS });
    }
    let frozen = false;
    const seen = new Map<string, Uint8Array>();
    for (const [name, bytes] of full) {
      const stuck = this.#frozen.get(name);
      seen.set(name, stuck?.bytes ?? bytes);
      if (stuck === undefined) continue;
      frozen = true;
      stuck.left -= 1;
      if (stuck.left === 0) this.#frozen.delete(name);
    }
    return { seen, frozen };
  }
}

/** Each modality kept or lost by the toss of a coin, but neither all nor none; a capture of one keeps it. */
function properSubset(full: FullCapture, random: Random): FullCapture {
  if (full.size < 2) return full;
  for (;;) {
    const kept = [...full].filter(() => random() < 0.5);
    if (kept.length > 0 && kept.length < full.size) return new Map(kept);
  }
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[drawBelow(random, items.length)] as T;
}
