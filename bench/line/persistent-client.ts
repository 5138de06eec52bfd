// Asks again until it is answered, as a station does: through overload, broken connections and a service that is away.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** What a shift counts of its network. */
export interface Traffic {
  requests: number;
  /** 503 and 408. */
  refused: number;
  /** No answer: reset, refused at the port, or too late. */
  broken: number;
}

/** Answered with a refusal that no repetition would change. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

export class GaveUp extends Error {
  override readonly name = 'GaveUp';
}

const ANSWER_WITHIN_MS = 15_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

export class PersistentClient {
  readonly #url: string;
  readonly #giveUp: AbortSignal;
  readonly #headers: Readonly<Record<string, string>>;
  readonly traffic: Traffic = { requests: 0, refused: 0, broken: 0 };

  /** `headers` go with every request. After `giveUp` nothing is asked again. */
  constructor(url: string, giveUp: AbortSignal, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#headers = headers;
    this.#giveUp = giveUp;
  }

  /** A 2xx answer. `init` is made anew for each attempt. Throws Refused for a 4xx, GaveUp where none came in time. */
  async ask(path: string, init: () => RequestInit): Promise<Reply> {
    let last = 'it was not asked';
    let askedMs = 0;
    for (let attempt = 0; !this.#giveUp.aborted; attempt += 1) {
      if (attempt > 0)
        await sleep(Math.max(askedMs, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1))));
      askedMs = 0;
      this.traffic.requests += 1;
      try {
        const asked = init();
        const response = await fetch(new URL(path, this.#url), {
          ...asked,
          headers: { ...(asked.headers as Record<string, string>), ...this.#headers },
          signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        });
        const text = await response.text();
        const body = text === '' ? {} : JSON.parse(text);
        if (response.ok) return { status: response.status, headers: response.headers, body };
        last = `${response.status} ${body.code}: ${body.detail}`;
        if (response.status < 500 && response.status !== 408)
          throw new Refused(`${init().method ?? 'GET'} ${path} was refused: ${last}`);
        this.traffic.refused += 1;
        askedMs = 1000 * Number(response.headers.get('retry-after') ?? 0);
      } catch (error) {
        if (error instanceof Refused) throw error;
        this.traffic.broken += 1;
        last = String((error as { cause?: unknown }).cause ?? error);
      }
    }
    throw new GaveUp(`gave up, the last answer was: ${last}`);
  }
}
