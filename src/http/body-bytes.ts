// The bytes of one body, gathered in one buffer as they come: reserved when announced, then as it grows.
import type { Claim } from './byte-budget.js';

/** Of a body that does not announce its length. */
const FIRST_CAPACITY_BYTES = 64 * 1024;

export interface BodySpace {
  readonly announcedBytes: number;
  readonly bodyLimitBytes: number;
  readonly claim: Pick<Claim, 'growBody'>;
}

export class BodyBytes {
  readonly #space: BodySpace;
  // One buffer, not a list of chunks: sent in chunks of one byte, a body took 500 times its length in them.
  #buffer: Buffer;
  #length = 0;
  #isDiscarded = false;

  constructor(space: BodySpace) {
    this.#space = space;
    this.#buffer = Buffer.allocUnsafeSlow(space.announcedBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What is appended is never over the body limit: who reads the body counts first. Throws ServiceError OVERLOADED. */
  append(chunk: Buffer): void {
    // A parser that was let go may still hand over what it has; the claim is gone by then.
    if (this.#isDiscarded) return;
    const length = this.#length + chunk.length;
    if (length > this.#buffer.length) this.#grow(length);
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
  }

  view(start: number, end: number): Buffer {
    return this.#buffer.subarray(start, end);
  }

  /** Lets go of the memory at once, whoever still holds this object. */
  discard(): void {
    this.#isDiscarded = true;
    this.#buffer = Buffer.alloc(0);
  }

  #grow(length: number): void {
    const { bodyLimitBytes, claim } = this.#space;
    const capacity = Math.min(bodyLimitBytes, Math.max(FIRST_CAPACITY_BYTES, 2 * length));
    claim.growBody(capacity - this.#buffer.length);
    this.#buffer = Buffer.concat([this.view(0, this.#length)], capacity);
  }
}
