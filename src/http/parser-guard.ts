// Sees when a parser that is fed by a request will never come to an end: some malformed bodies leave it hanging.
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * A parser that works in this thread, without files or timers, is done with a chunk before the event loop turns:
 * no clock is needed to tell a slow one from one that hangs.
 */
const PATIENCE_TURNS = 5;

export class ParserGuard {
  readonly #request: IncomingMessage;
  readonly #onHanging: () => void;
  #latest = 0;
  #isReleased = false;

  /** `onHanging` is called at most once, when the parser has neither finished nor asks for more. */
  constructor(request: IncomingMessage, onHanging: () => void) {
    this.#request = request;
    this.#onHanging = onHanging;
  }

  /** To be called when a chunk has come, and after the last one. */
  async check(): Promise<void> {
    const own = ++this.#latest;
    for (let turn = 0; turn < PATIENCE_TURNS; turn++) {
      await nextTurn();
      if (own !== this.#latest || this.#isReleased || !this.#isParsersTurn()) return;
    }
    this.release();
    this.#onHanging();
  }

  /** The parser is done, or nobody waits for it. */
  release(): void {
    this.#isReleased = true;
  }

  /** Either it has all there is, or it holds the request back (`pipe` pauses it). */
  #isParsersTurn(): boolean {
    return this.#request.readableEnded || this.#request.isPaused();
  }
}
