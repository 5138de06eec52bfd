// Why bytes were not decoded: a DropReason with a sentence for the technician.
import type { DropReason } from './tensor.js';

/** A part that does not become a tensor. `message` is one clause that says what was found and what would be right. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';

  constructor(
    readonly reason: DropReason,
    detail: string,
    options?: { cause: unknown },
  ) {
    super(detail, options);
  }
}
