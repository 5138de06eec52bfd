// The MES: polls the feed from a cursor, acks what it has booked, and at the end reads everything once more.
import type { Entry } from './balance.js';
import { prefixOf } from './parts.js';
import type { PersistentClient } from './persistent-client.js';
import type { Site } from './plant.js';

type Client = Pick<PersistentClient, 'ask'>;

interface FeedPage {
  readonly items: readonly Entry[];
  readonly nextCursor: string;
}

/** What the service holds at the end, and what it says is owed. */
export interface Stocktake {
  readonly inspected: readonly Entry[];
  readonly lag: number;
}

export const CONSUMER = 'simulated-mes';
const WAIT_SECONDS = 1;
const BOOKED = ['ACKED', 'ALREADY_ACKED', 'SUPERSEDED'];

export class Mes {
  readonly #client: Client;
  readonly #onPolled: () => void;
  readonly polled: Entry[] = [];
  readonly acked: Entry[] = [];
  readonly #prefix: string;
  #cursor: string | undefined;

  /** `onPolled` hears of each page that held something. */
  constructor(client: Client, { shift, begin }: Site, onPolled: () => void) {
    this.#client = client;
    this.#prefix = prefixOf(shift);
    this.#cursor = begin;
    this.#onPolled = onPolled;
  }

  /** Reads on until nothing came any more and `done` says so, or `signal` aborts. */
  async poll(done: () => boolean, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { items, nextCursor } = await page(this.#client, this.#cursor, WAIT_SECONDS);
      this.polled.push(...ofShift(items, this.#prefix));
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
    const acked = entries.filter((_, i) => BOOKED.includes(outcomes[i]?.outcome ?? ''));
    this.acked.push(...ofShift(acked, this.#prefix));
  }
}

/** The feed from where the shift began: each inspection once, in its newest revision. */
export async function takeStock(client: Client, site: Site): Promise<Stocktake> {
  const inspected: Entry[] = [];
  for (let cursor = site.begin; ; ) {
    const { items, nextCursor } = await page(client, cursor, 0);
    inspected.push(...ofShift(items, prefixOf(site.shift)));
    if (nextCursor === cursor) break;
    cursor = nextCursor;
  }
  if (inspected.length === 0 || site.isShared) return { inspected, lag: 0 };
  const { body } = await client.ask(`/v1/consumers/${CONSUMER}`, () => ({}));
  return { inspected, lag: Number(body.lag) };
}

function ofShift(entries: readonly Entry[], prefix: string): Entry[] {
  return entries.filter(({ captureId }) => captureId.startsWith(prefix));
}

async function page(client: Client, after: string | undefined, waitSeconds: number): Promise<FeedPage> {
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
