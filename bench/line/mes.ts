// The MES: polls the feed from a cursor, acks what it has booked, and at the end reads everything once more.
import type { Entry } from './balance.js';
import type { PersistentClient } from './persistent-client.js';

interface FeedPage {
  readonly items: readonly Entry[];
  readonly nextCursor: string;
}

/** What the service holds at the end, and what it says is owed. */
export interface Stocktake {
  readonly inspected: readonly Entry[];
  readonly lag: number;
}

const CONSUMER = 'mes';
const WAIT_SECONDS = 1;
const BOOKED = ['ACKED', 'ALREADY_ACKED', 'SUPERSEDED'];

export class Mes {
  readonly #client: PersistentClient;
  readonly #onPolled: () => void;
  readonly polled: Entry[] = [];
  readonly acked: Entry[] = [];
  #cursor: string | undefined;

  /** `onPolled` hears of each page that held something. */
  constructor(client: PersistentClient, onPolled: () => void) {
    this.#client = client;
    this.#onPolled = onPolled;
  }

  /** Reads on until nothing came any more and `done` says so, or `signal` aborts. */
  async poll(done: () => boolean, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { items, nextCursor } = await page(this.#client, this.#cursor, WAIT_SECONDS);
      this.polled.push(...items);
      // Acked before the next page is asked for: what is not booked is read again after a restart of the MES.
      if (items.length > 0) {
        await this.#ack(items);
        this.#onPolled();
      }
      this.#cursor = nextCursor;
      if (signal.aborted || (items.length === 0 && done())) return;
    }
  }

  async #ack(entries: readonly Entry[]): Promise<void> {
    const ids = entries.map(({ inspectionId, revision }) => ({ id: inspectionId, revision }));
    const { body } = await this.#client.ask(`/v1/consumers/${CONSUMER}/ack`, () => ({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids }),
    }));
    const outcomes = body.outcomes as readonly { readonly outcome: string }[];
    this.acked.push(...entries.filter((_, i) => BOOKED.includes(outcomes[i]?.outcome ?? '')));
  }
}

/** The feed from its first record: each inspection once, in its newest revision. */
export async function takeStock(client: PersistentClient): Promise<Stocktake> {
  const inspected: Entry[] = [];
  for (let cursor: string | undefined; ; ) {
    const { items, nextCursor } = await page(client, cursor, 0);
    inspected.push(...items);
    if (nextCursor === cursor) break;
    cursor = nextCursor;
  }
  if (inspected.length === 0) return { inspected, lag: 0 };
  const { body } = await client.ask(`/v1/consumers/${CONSUMER}`, () => ({}));
  return { inspected, lag: Number(body.lag) };
}

async function page(
  client: PersistentClient,
  after: string | undefined,
  waitSeconds: number,
): Promise<FeedPage> {
  const query = new URLSearchParams({ limit: '100', wait: String(waitSeconds) });
  if (after !== undefined) query.set('after', after);
  const { body } = await client.ask(`/v1/inspections?${query}`, () => ({}));
  const { items, nextCursor } = body as unknown as FeedPage;
  return {
    items: items.map(({ captureId, inspectionId, revision, state }) => ({
      captureId,
      inspectionId,
      revision,
      state,
    })),
    nextCursor,
  };
}
