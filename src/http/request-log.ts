// The log of one request, made when its first line is written: nearly all requests write none.
import type { FastifyBaseLogger } from 'fastify';

/** As pino's methods take it: a message, or fields and a message. */
type Line = [string];

/** A logger as any other; `make` is called once, or not at all. */
export class RequestLog implements FastifyBaseLogger {
  readonly #make: () => FastifyBaseLogger;
  #made: FastifyBaseLogger | undefined;

  constructor(make: () => FastifyBaseLogger) {
    this.#make = make;
  }

  get level(): string {
    return this.#log.level;
  }
  fatal(...line: unknown[]): void {
    this.#log.fatal(...(line as Line));
  }
  error(...line: unknown[]): void {
    this.#log.error(...(line as Line));
  }
  warn(...line: unknown[]): void {
    this.#log.warn(...(line as Line));
  }
  info(...line: unknown[]): void {
    this.#log.info(...(line as Line));
  }
  debug(...line: unknown[]): void {
    this.#log.debug(...(line as Line));
  }
  trace(...line: unknown[]): void {
    this.#log.trace(...(line as Line));
  }
  silent(): void {}
  child(...args: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.#log.child(...args);
  }

  get #log(): FastifyBaseLogger {
    this.#made ??= this.#make();
    return this.#made;
  }
}
