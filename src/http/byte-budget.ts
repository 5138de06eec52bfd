// The ceiling of memory: what all captures in flight hold together, reserved before it is there.
import { ServiceError } from '../errors.js';

/** What was asked for when the ceiling was reached: the announced body, a longer one, or pixels to be decoded. */
export type RefusedBytes = 'announced' | 'body' | 'pixels';

export interface ByteBudgetOptions {
  readonly limitBytes: number;
  /** What every capture costs beside its body: its tensors. */
  readonly perCaptureBytes: number;
  readonly onHeld: (heldBytes: number) => void;
  readonly onRefused: (reason: RefusedBytes) => void;
}

/** What one capture holds. */
export interface Claim {
  /** The body is longer than was announced. Throws ServiceError OVERLOADED. */
  growBody(bytes: number): void;
  /**
   * Pixels of `part` that are held while they are decoded; call what comes back once they are gone.
   * Throws ServiceError OVERLOADED, or PART_TOO_LARGE where they would not even fit alone.
   */
  reservePixels(bytes: number, part: string): () => void;
  /** Gives everything back; more than once does no harm. */
  release(): void;
}

const MIB = 1024 * 1024;

export class ByteBudget {
  readonly #options: ByteBudgetOptions;
  #heldBytes = 0;

  constructor(options: ByteBudgetOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * For one capture, from its head to its answer; each byte of its body counts `bodyCopies` times.
   * Throws ServiceError OVERLOADED.
   */
  claim(announcedBytes: number, bodyCopies: number): Claim {
    let ownBytes = 0;
    const hold = (bytes: number) => {
      ownBytes += bytes;
      this.#heldBytes += bytes;
      this.#options.onHeld(this.#heldBytes);
    };
    const take = (bytes: number, reason: RefusedBytes) => {
      this.#assertRoom(bytes, reason);
      hold(bytes);
    };
    take(announcedBytes * bodyCopies + this.#options.perCaptureBytes, 'announced');
    return {
      growBody: (bytes) => take(bytes * bodyCopies, 'body'),
      reservePixels: (bytes, part) => {
        this.#assertFitsAlone(ownBytes + bytes, part);
        take(bytes, 'pixels');
        return () => hold(-bytes);
      },
      release: () => hold(-ownBytes),
    };
  }

  #assertRoom(bytes: number, reason: RefusedBytes): void {
    const { limitBytes, onRefused } = this.#options;
    if (this.#heldBytes + bytes <= limitBytes) return;
    onRefused(reason);
    throw new ServiceError('OVERLOADED', {
      detail:
        `Captures in flight hold ${inMib(this.#heldBytes)} of ${inMib(limitBytes)} MiB (IN_FLIGHT_BYTES), ` +
        `this one needs ${inMib(bytes)} more; send it again later.`,
      retryAfterSeconds: 1,
    });
  }

  #assertFitsAlone(bytes: number, part: string): void {
    const { limitBytes, onRefused } = this.#options;
    if (bytes <= limitBytes) return;
    onRefused('pixels');
    throw new ServiceError('PART_TOO_LARGE', {
      detail:
        `Part "${part}" needs ${inMib(bytes)} MiB to be decoded, more than all captures may hold together ` +
        `(IN_FLIGHT_BYTES, ${inMib(limitBytes)} MiB); send a smaller picture.`,
      part,
    });
  }
}

function inMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
