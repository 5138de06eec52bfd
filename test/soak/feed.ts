// Reads the whole feed, as an MES does.
import type { AnsweredInspection } from './ledger.js';

const PAGE = 500;

/** `atMost` records and a little; a feed without an end is an Error. */
export async function readFeed(url: string, atMost: number): Promise<AnsweredInspection[]> {
  const records: AnsweredInspection[] = [];
  let cursor: string | undefined;
  for (let page = 0; page <= 2 + Math.ceil(atMost / PAGE); page++) {
    const query = new URLSearchParams({
      limit: String(PAGE),
      ...(cursor !== undefined && { after: cursor }),
    });
    const response = await fetch(`${url}/v1/inspections?${query}`);
    if (!response.ok) throw new Error(`the feed answers ${response.status}: ${await response.text()}`);
    const { items, nextCursor } = (await response.json()) as {
      items: AnsweredInspection[];
      nextCursor: string;
    };
    records.push(...items);
    if (nextCursor === cursor || items.length === 0) return records;
    cursor = nextCursor;
  }
  throw new Error(`the feed has no end: ${records.length} records of at most ${atMost}`);
}
