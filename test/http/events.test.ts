// The event stream as clients see it: over a real socket, resumed, filtered, bounded, slow, and at the end.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';
import type { Page } from '../../src/store/store.js';
import { inspect, type Parts, readJson } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { rgb8 } from '../support/pictures.js';
import { type RunningService, startService } from '../support/service.js';

interface Message {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: Inspection | undefined;
}

let service: RunningService;
let parts: Parts;
const open: Stream[] = [];

beforeAll(async () => {
  service = await startService({ EVENTS_MAX_CLIENTS: '2' });
  parts = { rgb: await rgb8('png') };
});
afterEach(async () => {
  for (const stream of open.splice(0)) stream.close();
  while ((await metric(service.url, 'branchline_event_readers')) > 0) await new Promise(setImmediate);
});
afterAll(() => service.close());

/** Blocks of lines, as "event stream" of the HTML standard has them. */
class Stream {
  readonly #gone = new AbortController();
  readonly #blocks: AsyncGenerator<string>;

  private constructor(
    readonly response: Response,
    gone: AbortController,
  ) {
    this.#gone = gone;
    this.#blocks = blocks(response);
  }

  static async open(query = '', headers: Record<string, string> = {}, url = service.url): Promise<Stream> {
    const gone = new AbortController();
    const response = await fetch(`${url}/v1/events${query}`, { headers, signal: gone.signal });
    const stream = new Stream(response, gone);
    open.push(stream);
    return stream;
  }

  /** The next event; undefined at the end of the stream. */
  async next(): Promise<Message | undefined> {
    for await (const block of { [Symbol.asyncIterator]: () => ({ next: () => this.#blocks.next() }) }) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      if (data !== undefined) return { id: field('id'), event: field('event'), data: JSON.parse(data) };
    }
    return undefined;
  }

  close(): void {
    this.#gone.abort();
  }
}

async function feedPage(query: string): Promise<Page> {
  return (await (await fetch(`${service.url}/v1/inspections${query}`)).json()) as Page;
}

async function* blocks(response: Response): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    yield* parts;
  }
}

describe('event stream', () => {
  it('tells from now on, with a type, a place and the inspection', async () => {
    await inspect(service.url, parts, { captureId: 'before' });
    const stream = await Stream.open();
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream');
    expect(stream.response.headers.get('cache-control')).toBe('no-store');
    const judged = await inspect(service.url, parts, { captureId: 'after' });
    const message = await stream.next();
    expect(message).toMatchObject({ event: 'branchline.inspection.completed', data: judged });
  });

  it('goes on behind the event a client saw last, exactly', async () => {
    const judged: string[] = [];
    const first = await Stream.open();
    for (const captureId of ['a', 'b', 'c'])
      judged.push((await inspect(service.url, parts, { captureId })).inspectionId);
    const seen = await first.next();
    first.close();
    const again = await Stream.open('?after=0', { 'last-event-id': seen?.id ?? '' });
    expect(
      [seen, await again.next(), await again.next()].map((message) => message?.data?.inspectionId),
    ).toEqual(judged);
  });

  it('begins at the first record or behind a cursor of the feed', async () => {
    const page = await feedPage('?limit=1');
    const from = await Stream.open('?after=0');
    expect((await from.next())?.data?.inspectionId).toBe(page.items[0]?.inspectionId);
    const second = await feedPage(`?limit=1&after=${page.nextCursor}`);
    const behind = await Stream.open(`?after=${page.nextCursor}`);
    expect((await behind.next())?.data?.inspectionId).toBe(second.items[0]?.inspectionId);
  });

  it('tells of one line or one verdict alone', async () => {
    const line = await Stream.open('?lineId=mine');
    const impossible = await Stream.open('?verdict=NOT_DECIDABLE');
    await inspect(service.url, parts, { captureId: 'x', lineId: 'other' });
    await inspect(service.url, parts, { captureId: 'y', lineId: 'mine' });
    expect((await line.next())?.data?.captureId).toBe('y');
    const nothing = impossible.next();
    impossible.close();
    await expect(nothing).rejects.toThrow();
  });

  it.each([
    ['?after=nonsense', {}, 'BAD_CURSOR'],
    ['', { 'last-event-id': 'nonsense~x.1' }, 'BAD_CURSOR'],
    ['?verdict=MAYBE', {}, 'BAD_REQUEST'],
    ['?line=4', {}, 'BAD_REQUEST'],
    [`?lineId=${'x'.repeat(200)}`, {}, 'BAD_REQUEST'],
  ])('refuses %s %j with %s', async (query, headers, code) => {
    const answer = await readJson<Problem>(
      await fetch(`${service.url}/v1/events${query}`, { headers: headers as Record<string, string> }),
    );
    expect(answer).toMatchObject({ status: 400, body: { code } });
  });

  it('refuses a client too many, until one has gone', async () => {
    const streams = [await Stream.open(), await Stream.open()];
    const refused = await readJson<Problem>(await fetch(`${service.url}/v1/events`));
    expect(refused).toMatchObject({ status: 503, body: { code: 'TOO_MANY_READERS' } });
    expect(refused.headers.get('retry-after')).toBe('10');
    streams[0]?.close();
    for (;;) {
      const stream = await Stream.open();
      if (stream.response.status === 200) break;
      await stream.response.text();
    }
  });

  it('ends whole when the service closes', async () => {
    const own = await startService();
    const stream = await Stream.open('', {}, own.url);
    const judged = await inspect(own.url, parts, { captureId: 'last' });
    expect((await stream.next())?.data?.inspectionId).toBe(judged.inspectionId);
    const end = stream.next();
    await own.close();
    expect(await end).toBeUndefined();
  });
});
