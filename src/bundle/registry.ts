// The loaded bundles, and which of them a capture gets.
import { ServiceError } from '../errors.js';
import type { Bundle } from './bundle.js';

export class ModelRegistry {
  readonly #byKey: ReadonlyMap<string, Bundle>;
  /** What a capture gets that names no model; undefined where several are loaded and none is chosen. */
  readonly defaultBundle: Bundle | undefined;

  /** `defaultModel`: "name" or "name@version"; undefined: the only one loaded. Throws an Error where it is not loaded. */
  constructor(
    readonly bundles: readonly Bundle[],
    defaultModel: string | undefined,
  ) {
    this.#byKey = new Map(bundles.map((bundle) => [bundle.key, bundle]));
    if (defaultModel === undefined) {
      this.defaultBundle = bundles.length === 1 ? bundles[0] : undefined;
      return;
    }
    this.defaultBundle = this.find(defaultModel);
    if (this.defaultBundle === undefined)
      throw new Error(`DEFAULT_MODEL: "${defaultModel}" is not loaded; loaded: ${this.keys().join(', ')}`);
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  /** "name@version", or "name" for the latest version loaded. */
  find(reference: string): Bundle | undefined {
    return (
      this.#byKey.get(reference) ??
      this.bundles
        .filter((bundle) => bundle.manifest.name === reference)
        .sort((a, b) => b.manifest.version - a.manifest.version)[0]
    );
  }

  /** The bundle asked for, or the default. Throws ServiceError UNKNOWN_MODEL or BAD_REQUEST. */
  resolve(reference: string | undefined): Bundle {
    const found = reference === undefined ? this.defaultBundle : this.find(reference);
    if (found !== undefined) return found;
    const loaded = this.keys().join(', ');
    if (reference === undefined)
      throw new ServiceError('BAD_REQUEST', {
        detail: `Several models are loaded and none is the default; name one with ?model=: ${loaded}.`,
      });
    throw new ServiceError('UNKNOWN_MODEL', {
      detail: `No model "${reference}" is loaded; loaded: ${loaded}.`,
    });
  }
}
