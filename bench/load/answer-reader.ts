// Reads an answer of HTTP/1.1 no further than a load generator must: its status, where it ends, and the text of a
// refusal.

/** A head or a line that is longer is no server of ours. */
const LONGEST_HEAD = 64 * 1024;
const HEAD_END = '\r\n\r\n';
const LINE_END = '\r\n';

type Expected =
  | 'head'
  | 'body'
  | 'body until the close'
  | 'chunk size'
  | 'chunk'
  | 'end of a chunk'
  | 'trailer'
  | 'nothing';

export class AnswerReader {
  /** 0 until the head has come. */
  status = 0;
  /** Bytes of an answer have come, however few. */
  begun = false;
  /** What came is not HTTP/1.1. */
  malformed = false;
  /** The body of an answer that is no 2xx, a byte a character. */
  refusalText = '';
  #expected: Expected = 'head';
  #unread = '';
  /** Bytes of the body or the chunk that are still to come. */
  #left = 0;
  #staysOpen = true;

  /** Nothing more belongs to this answer. */
  get whole(): boolean {
    return this.#expected === 'nothing';
  }

  /** The connection may carry another request: the server keeps it, and sent nothing that was not asked for. */
  get reusable(): boolean {
    return this.whole && this.#staysOpen && this.#unread === '';
  }

  /** `bytes`: latin1, a byte a character. */
  read(bytes: string): void {
    this.begun = true;
    this.#unread += bytes;
    while (!this.malformed && this.#step());
  }

  /** The server has closed the connection: the end of a body that says no length. */
  end(): void {
    if (this.#expected !== 'body until the close') return;
    this.#staysOpen = false;
    this.#expected = 'nothing';
  }

  /** false: more must come first. */
  #step(): boolean {
    switch (this.#expected) {
      case 'head': {
        const head = this.#until(HEAD_END);
        if (head === undefined) return false;
        this.#readHead(head);
        return true;
      }
      case 'body':
        return this.#takeBody('nothing');
      case 'chunk':
        return this.#takeBody('end of a chunk');
      case 'body until the close':
        this.#left = this.#unread.length;
        this.#takeBody('body until the close');
        return false;
      case 'end of a chunk':
        if (this.#until(LINE_END) === undefined) return false;
        this.#expected = 'chunk size';
        return true;
      case 'chunk size': {
        const line = this.#until(LINE_END);
        if (line === undefined) return false;
        // Extensions after a ";" are nobody's business.
        this.#left = Number.parseInt(line, 16);
        if (!(this.#left >= 0)) this.malformed = true;
        this.#expected = this.#left === 0 ? 'trailer' : 'chunk';
        return true;
      }
      case 'trailer': {
        const line = this.#until(LINE_END);
        if (line === '') this.#expected = 'nothing';
        return line !== undefined;
      }
      case 'nothing':
        return false;
      default:
        return this.#expected satisfies never;
    }
  }

  /** RFC 9112, section 6.3: how long a body is. */
  #readHead(head: string): void {
    const status = /^HTTP\/1\.(\d) (\d{3})/.exec(head);
    if (status === null) {
      this.malformed = true;
      return;
    }
    // "100 Continue" and its like come before the answer.
    if (status[2]?.startsWith('1')) return;
    this.status = Number(status[2]);
    this.#staysOpen = status[1] !== '0' && !/\r\nconnection: *close/i.test(head);
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#expected = 'chunk size';
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#left = Number(length ?? 0);
    if (this.status === 204 || this.status === 304) this.#expected = 'nothing';
    else this.#expected = length === undefined ? 'body until the close' : 'body';
  }

  /** What has come of the body or the chunk; then `next`. */
  #takeBody(next: Expected): boolean {
    const part = this.#unread.slice(0, this.#left);
    this.#unread = this.#unread.slice(part.length);
    this.#left -= part.length;
    if (this.status >= 300) this.refusalText += part;
    if (this.#left > 0) return false;
    this.#expected = next;
    return true;
  }

  /** undefined where the end has not come. */
  #until(end: string): string | undefined {
    const at = this.#unread.indexOf(end);
    if (at === -1) {
      if (this.#unread.length > LONGEST_HEAD) this.malformed = true;
      return undefined;
    }
    const text = this.#unread.slice(0, at);
    this.#unread = this.#unread.slice(at + end.length);
    return text;
  }
}
