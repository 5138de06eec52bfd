// Captures that come piece by piece, from several machines: opened by the first, closed by a word or a deadline.
import { canonicalJson } from '../canonical-json.js';
import { ServiceError } from '../errors.js';
import type { CaptureMetadata } from '../inspection.js';
import { ABSENT, type Held, type IntakeEntry, type IntakeStore } from '../intake/intake-store.js';
import type { Late, Recipe } from '../recipes/recipe.js';
import { sha256Of } from './content-hash.js';
import { cameWhole, otherMetadata, otherPiece } from './refusals.js';
import { accepted, bytesOf, isExpired, opened } from './transitions.js';

export interface PiecesOptions {
  readonly intake: IntakeStore;
  /** Throws ServiceError UNKNOWN_RECIPE. */
  readonly recipeOf: (id: string) => Pick<Recipe, 'maxWaitMs' | 'late'>;
  /** Throws ServiceError UNKNOWN_MODALITY where no loaded model has it. */
  readonly assertKnown: (modality: string) => void;
  /** Throws ServiceError OVERLOADED where the intake store holds as much as it may. */
  readonly assertRoom: (bytes: number, isNew: boolean) => Promise<void>;
  /** Of all pieces of one capture. */
  readonly bodyLimitBytes: number;
  readonly maxWaitMs: number;
  readonly windowMs: number;
  /** Unix time. */
  readonly nowMs: () => number;
  readonly newInspectionId: () => string;
}

export interface PieceAnswer {
  readonly entry: IntakeEntry;
  /** Whether it was new. */
  readonly created: boolean;
}

interface Step {
  readonly entry: IntakeEntry;
  readonly put?: ReadonlyMap<string, Uint8Array>;
}

export class Pieces {
  readonly #options: PiecesOptions;

  constructor(options: PiecesOptions) {
    this.#options = options;
  }

  /** Throws ServiceError UNKNOWN_MODALITY, PART_EMPTY, CAPTURE_CONFLICT, BODY_TOO_LARGE, OVERLOADED, STORE_UNAVAILABLE. */
  async put(captureId: string, name: string, bytes: Uint8Array): Promise<PieceAnswer> {
    const { assertKnown } = this.#options;
    assertKnown(name);
    if (bytes.length === 0)
      throw new ServiceError('PART_EMPTY', {
        detail: `Part "${name}" is empty; send the sensor's file, or leave the modality out.`,
        part: name,
      });
    const sha256 = await sha256Of(bytes);
    return this.#change(captureId, bytes.length, (entry) => this.#withPiece(entry, name, sha256, bytes));
  }

  /** Throws ServiceError UNKNOWN_RECIPE, CAPTURE_CONFLICT, BAD_METADATA, OVERLOADED, STORE_UNAVAILABLE. */
  async describe(captureId: string, metadata: CaptureMetadata): Promise<PieceAnswer> {
    const { recipeOf } = this.#options;
    if (metadata.captureId !== undefined && metadata.captureId !== captureId)
      throw new ServiceError('BAD_METADATA', {
        detail: `The metadata is of capture "${metadata.captureId}", the address of "${captureId}".`,
        part: 'captureId',
      });
    if (metadata.recipe !== undefined) recipeOf(metadata.recipe);
    return this.#change(captureId, 0, (entry) => this.#withMetadata(entry, metadata));
  }

  lateOf({ metadata }: IntakeEntry): Late {
    if (metadata?.recipe === undefined) return 'ignore';
    try {
      return this.#options.recipeOf(metadata.recipe).late;
    } catch {
      return 'ignore'; // The recipe was deleted meanwhile.
    }
  }

  /** undefined of `step`: it is there already. */
  async #change(
    captureId: string,
    bytes: number,
    step: (entry: IntakeEntry) => Step | undefined,
  ): Promise<PieceAnswer> {
    const { intake, assertRoom } = this.#options;
    for (;;) {
      const { version, entry } = await this.#read(captureId);
      const next = step(entry);
      if (next === undefined) return { entry, created: false };
      await assertRoom(bytes, version === ABSENT);
      if ((await intake.swap({ captureId, version, ...next })) !== undefined)
        return { entry: next.entry, created: true };
    }
  }

  async #read(captureId: string): Promise<Held> {
    const { intake, nowMs, newInspectionId, windowMs, maxWaitMs } = this.#options;
    const held = await intake.get(captureId);
    if (held !== undefined && !isExpired(held.entry, nowMs())) return held;
    const fresh = { captureId, inspectionId: newInspectionId(), nowMs: nowMs(), windowMs };
    return { version: held?.version ?? ABSENT, entry: opened(fresh, maxWaitMs) };
  }

  #withPiece(entry: IntakeEntry, name: string, sha256: string, bytes: Uint8Array): Step | undefined {
    const { captureId, pieces, state, inPieces } = entry;
    if (!inPieces) throw cameWhole(captureId);
    const known = pieces.find((piece) => piece.name === name);
    if (known?.sha256 === sha256) return undefined;
    if (known !== undefined) throw otherPiece(captureId, name);
    const held = this.#isKept(entry);
    const piece = {
      name,
      sha256,
      bytes: bytes.length,
      arrivedAtMs: this.#options.nowMs(),
      revision: null,
      held,
    };
    const all = [...pieces, piece];
    const heldBytes = bytesOf(all);
    this.#assertFits(captureId, heldBytes);
    const next = { ...entry, pieces: all, heldBytes };
    if (!held) return { entry: next };
    const put = new Map([[name, bytes]]);
    return { entry: state === 'COMPLETED' ? accepted(next, this.#options.nowMs()) : next, put };
  }

  /** A piece that comes after the first record is of use only where the rest is still there to be judged with it. */
  #isKept({ state, revision, heldBytes }: IntakeEntry): boolean {
    return state !== 'FAILED' && (revision === 0 || heldBytes > 0);
  }

  #withMetadata(entry: IntakeEntry, metadata: CaptureMetadata): Step | undefined {
    const { captureId, state, inPieces, receivedAtMs } = entry;
    if (!inPieces) throw cameWhole(captureId);
    if (entry.metadata !== null) {
      if (canonicalJson(entry.metadata) === canonicalJson(metadata)) return undefined;
      throw otherMetadata(captureId);
    }
    if (state !== 'OPEN') throw otherMetadata(captureId);
    const maxWaitMs = this.#maxWaitMs(metadata);
    const openUntilMs = maxWaitMs === undefined ? entry.openUntilMs : receivedAtMs + maxWaitMs;
    return { entry: { ...entry, metadata, openUntilMs, wakeAtMs: openUntilMs } };
  }

  #maxWaitMs({ recipe }: CaptureMetadata): number | undefined {
    return recipe === undefined ? undefined : this.#options.recipeOf(recipe).maxWaitMs;
  }

  #assertFits(captureId: string, bytes: number): void {
    const { bodyLimitBytes } = this.#options;
    if (bytes > bodyLimitBytes)
      throw new ServiceError('BODY_TOO_LARGE', {
        detail: `The pieces of capture "${captureId}" are over ${bodyLimitBytes} bytes together (BODY_LIMIT_BYTES).`,
      });
  }
}
