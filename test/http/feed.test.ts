// The feed over HTTP: cursors, ETags, and what is refused.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from '../../src/store/store.js';
import { A_REVIEW, anInspection, NOTHING } from '../store/samples.js';
import { type RecordsServer, startRecordsServer } from '../support/records-server.js';

let server: RecordsServer;
beforeAll(async () => {
  server = await startRecordsServer();
  for (let i = 0; i < 5; i++) await server.store.save(anInspection({ captureId: `c${i}` }), NOTHING);
});
afterAll(() => server.close());

const page = (query: string, headers = {}) => server.get<Page>(`/v1/inspections?${query}`, headers);
const etagOf = async (query: string) => (await page(query)).headers.get('etag') ?? '';
const statusWith = async (query: string, etag: string) => {
  const answer = await fetch(`${server.url}/v1/inspections?${query}`, { headers: { 'if-none-match': etag } });
  return { status: answer.status, etag: answer.headers.get('etag'), body: await answer.text() };
};

describe('nextCursor', () => {
  it('is there on a full page, on the last one and on an empty one', async () => {
    const full = await page('limit=3');
    const last = await page(`limit=3&after=${full.body.nextCursor}`);
    const empty = await page(`limit=3&after=${last.body.nextCursor}`);
    expect([full, last, empty].map(({ body }) => body.items.length)).toEqual([3, 2, 0]);
    expect(empty.body.nextCursor).toBe(last.body.nextCursor);
  });

  it('shows a reviewed inspection again, in its new revision, and no longer where it was', async () => {
    const [first] = (await page('limit=1')).body.items;
    const { nextCursor } = (await page('limit=500')).body;
    await server.store.review(first?.inspectionId ?? '', A_REVIEW);
    const news = (await page(`after=${nextCursor}`)).body.items;
    expect(news).toEqual([{ ...first, revision: 2, reviews: [A_REVIEW] }]);
    const all = (await page('limit=500')).body.items;
    expect(all.map(({ captureId }) => captureId)).toEqual(['c1', 'c2', 'c3', 'c4', 'c0']);
  });
});

describe('ETag', () => {
  it('answers 304, without a body, to who has the page', async () => {
    const etag = await etagOf('limit=2');
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    for (const known of [etag, etag.replace('W/', ''), `"other", ${etag}`, '*'])
      expect(await statusWith('limit=2', known)).toEqual({ status: 304, etag, body: '' });
  });

  it('answers the page to who has another', async () => {
    const etag = await etagOf('limit=2');
    expect((await statusWith('limit=3', etag)).status).toBe(200);
    expect((await statusWith('limit=2', '"other"')).status).toBe(200);
  });

  it('is another one once a record of the page has a new revision', async () => {
    const inspection = anInspection({ lineId: 'line-e' });
    await server.store.save(inspection, NOTHING);
    const etag = await etagOf('lineId=line-e');
    await server.store.review(inspection.inspectionId, A_REVIEW);
    expect((await statusWith('lineId=line-e', etag)).status).toBe(200);
  });

  it('is another one where the page is empty and its end has moved on', async () => {
    const etag = await etagOf('lineId=none');
    await server.store.save(anInspection(), NOTHING);
    expect((await statusWith('lineId=none', etag)).status).toBe(200);
  });
});

it.each([
  ['after=nonsense', 'BAD_CURSOR'],
  ['after=', 'BAD_CURSOR'],
  [`after=${Buffer.from('redis.0123456789ab.1').toString('base64url')}`, 'BAD_CURSOR'],
  [`after=${'x'.repeat(300)}`, 'BAD_REQUEST'],
  ['lineId=a%00b', 'BAD_REQUEST'],
  ['lineId=', 'BAD_REQUEST'],
])('refuses ?%s', async (query, code) => {
  expect(await page(query)).toMatchObject({ status: 400, body: { code } });
});

it.each([
  ['limit=501', { part: 'limit', detail: expect.stringMatching(/^limit: .*500\.$/) }],
  ['limitt=5', { detail: 'The query: there is no field "limitt"; the nearest is "limit".' }],
])('names what is wrong in ?%s as it would a field of a body', async (query, problem) => {
  expect(await page(query)).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST', ...problem } });
});
