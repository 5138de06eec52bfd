// Logs what is refused for want of time or room: the first at once, then how many, not each; under load each cost as
// much as a tenth of a refusal, and a log of nothing else helps nobody.
import type { FastifyBaseLogger } from 'fastify';
import type { ErrorCode, ServiceError } from '../errors.js';

/** Refused by the hundred a second where the service is overloaded; the metrics count each. */
const CROWDS: ReadonlySet<ErrorCode> = new Set(['OVERLOADED', 'DEADLINE_UNREACHABLE']);

const EVERY_MS = 1000;

export interface RefusalLogOptions {
  /** Of no request: where the crowds are counted. */
  readonly log: Pick<FastifyBaseLogger, 'info'>;
  /** Calls back after `ms`; does not keep the process. Injected so that no test sleeps. */
  readonly after: (ms: number, callBack: () => void) => void;
}

export class RefusalLog {
  readonly #options: RefusalLogOptions;
  /** By code, while its second lasts: those after the first, and what the last was told. */
  readonly #crowds = new Map<ErrorCode, { count: number; detail: string }>();

  constructor(options: RefusalLogOptions) {
    this.#options = options;
  }

  /** `log`: the request's own. */
  refused({ code, part, message }: ServiceError, log: Pick<FastifyBaseLogger, 'info'>): void {
    const crowd = this.#crowds.get(code);
    if (crowd !== undefined) {
      crowd.count += 1;
      crowd.detail = message;
      return;
    }
    log.info({ code, part }, message);
    if (CROWDS.has(code)) this.#gather(code);
  }

  #gather(code: ErrorCode): void {
    const crowd = { count: 0, detail: '' };
    this.#crowds.set(code, crowd);
    this.#options.after(EVERY_MS, () => {
      this.#crowds.delete(code);
      if (crowd.count === 0) return;
      this.#options.log.info(
        { code, refused: crowd.count },
        `refused within a second; the last: ${crowd.detail}`,
      );
      this.#gather(code);
    });
  }
}
