// One kept-alive connection: a request is written whole, its answer is read, and then comes the next.
import { connect, type Socket } from 'node:net';
import { AnswerReader } from './answer-reader.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Answer {
  readonly status: number;
  /** Of an answer that is no 2xx. */
  readonly refusalText: string;
}

export interface Lost {
  /** The error's code, or a few words. */
  readonly lost: string;
  /** The server may have closed a connection that was idle before it saw the request. */
  readonly worthAnother: boolean;
}

export type Outcome = Answer | Lost;

export const CLOSED = 'connection closed';
export const NO_HTTP = 'no HTTP answer';

/** Larger than any answer of the contenders; larger ones come in pieces. */
const READ_BYTES = 16 * 1024;

export class KeptSocket {
  readonly #socket: Socket;
  readonly #onGone: (socket: KeptSocket) => void;
  /** Of the request that is under way. */
  #answer: AnswerReader | undefined;
  #onOutcome: ((outcome: Outcome) => void) | undefined;
  #used = false;
  #gone = false;
  #reason = CLOSED;

  /** `onGone`: it is closed or broken; told once, before the outcome of a request that was under way. */
  constructor(address: Address, onGone: (socket: KeptSocket) => void) {
    this.#onGone = onGone;
    // Node makes a new buffer of 64 kB for every read otherwise.
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const callback = (length: number) => {
      this.#read(buffer.toString('latin1', 0, length));
      return true;
    };
    this.#socket = connect({ ...address, noDelay: true, onread: { buffer, callback } });
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason = error.code ?? error.name;
    });
    this.#socket.once('end', () => this.destroy());
    this.#socket.once('close', () => this.destroy());
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** One request at a time. `bytes`: head and body. */
  ask(bytes: Buffer, onOutcome: (outcome: Outcome) => void): void {
    this.#answer = new AnswerReader();
    this.#onOutcome = onOutcome;
    this.#socket.write(bytes);
  }

  /** A request that was under way is lost, unless its answer ends with the connection. */
  destroy(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#socket.destroy();
    this.#onGone(this);
    const answer = this.#answer;
    if (answer === undefined) return;
    answer.end();
    if (answer.whole) this.#settle(answer);
    else this.#settle({ lost: this.#reason, worthAnother: this.#used && !answer.begun });
  }

  #read(bytes: string): void {
    const answer = this.#answer;
    if (answer === undefined) {
      // Nobody asked for anything: what comes next could not be told from an answer.
      this.destroy();
      return;
    }
    answer.read(bytes);
    if (answer.malformed) {
      this.#reason = NO_HTTP;
      this.destroy();
    } else if (answer.whole) {
      // Refused before the body was sent: the rest of it stays unsent (RFC 9110, section 10.1.1).
      const wholeBodySent = this.#socket.writableLength === 0;
      this.#answer = undefined;
      if (!answer.reusable || !wholeBodySent) this.destroy();
      this.#settle(answer);
    }
  }

  #settle(outcome: Outcome): void {
    const onOutcome = this.#onOutcome;
    this.#answer = undefined;
    this.#onOutcome = undefined;
    this.#used = true;
    onOutcome?.(outcome);
  }
}
