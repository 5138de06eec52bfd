// Reviews over HTTP: what a quality engineer's screen sends and gets.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';
import type { Page } from '../../src/store/store.js';
import { anInspection, NOTHING } from '../store/samples.js';
import { type RecordsServer, startRecordsServer } from '../support/records-server.js';

let server: RecordsServer;
beforeAll(async () => {
  server = await startRecordsServer();
});
afterAll(() => server.close());

async function judged(verdict: Inspection['verdict']): Promise<Inspection> {
  const inspection = anInspection({ verdict });
  await server.store.save(inspection, NOTHING);
  return inspection;
}
const pathOf = ({ inspectionId }: Inspection) => `/v1/inspections/${inspectionId}/reviews`;
const queue = async (query = '') => (await server.get<Page>(`/v1/reviews?state=open${query}`)).body;

describe('POST /v1/inspections/{id}/reviews', () => {
  it('appends the review with its time, and leaves the verdict', async () => {
    const inspection = await judged('NG');
    const before = Date.now();
    const said = { decision: 'FALSE_CALL', by: 'mara', note: 'a reflection\nof the lamp' };
    const { status, body } = await server.post<Inspection>(pathOf(inspection), said);
    expect(status).toBe(200);
    const at = body.reviews[0]?.at ?? '';
    expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
    expect(body).toEqual({ ...inspection, revision: 2, reviews: [{ ...said, at }] });
    expect((await server.store.get(inspection.inspectionId))?.reviews).toEqual(body.reviews);
  });

  it('takes a request that is sent again once', async () => {
    const inspection = await judged('NG');
    const said = { decision: 'REWORKED', by: 'mara' };
    await server.post(pathOf(inspection), said);
    const { body } = await server.post<Inspection>(pathOf(inspection), said);
    expect(body).toMatchObject({ revision: 2, reviews: [{ ...said, note: null }] });
  });

  it.each([
    ['a decision that contradicts the verdict', { decision: 'MISSED', by: 'm' }, 422, 'decision'],
    ['an unknown decision', { decision: 'MAYBE', by: 'm' }, 400, 'decision'],
    ['nobody', { decision: 'CONFIRMED' }, 400, 'by'],
    ['an empty name', { decision: 'CONFIRMED', by: '' }, 400, 'by'],
    ['a name of 129 characters', { decision: 'CONFIRMED', by: 'm'.repeat(129) }, 400, 'by'],
    ['a name with a control character', { decision: 'CONFIRMED', by: 'm\u001b[2J' }, 400, 'by'],
    ['a note with a control character', { decision: 'CONFIRMED', by: 'm', note: '\u0000' }, 400, 'note'],
    ['a note of 2001 characters', { decision: 'CONFIRMED', by: 'm', note: 'n'.repeat(2001) }, 400, 'note'],
    ['an unknown field', { decision: 'CONFIRMED', by: 'm', at: 'now' }, 400, undefined],
    ['no object', '[]', 400, undefined],
    ['no JSON', '{', 400, undefined],
    ['no body', '', 400, undefined],
  ])('refuses %s, and names it', async (_, body, status, part) => {
    const inspection = await judged('NG');
    const answer = await server.post<Problem>(pathOf(inspection), body);
    expect(answer.status).toBe(status);
    expect(answer.body.part).toBe(part);
    expect((await server.store.get(inspection.inspectionId))?.revision).toBe(1);
  });

  it('refuses a body that is too long, or is no JSON by its own word', async () => {
    const path = pathOf(await judged('NG'));
    const long = JSON.stringify({ decision: 'CONFIRMED', by: 'm', note: 'n'.repeat(300_000) });
    expect(await server.post(path, long)).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
    expect(await server.post(path, 'x', { 'content-type': 'image/png' })).toMatchObject({ status: 415 });
  });

  it('says of an inspection that is not there, and of an impossible id', async () => {
    const said = { decision: 'CONFIRMED', by: 'm' };
    expect(await server.post('/v1/inspections/none/reviews', said)).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', detail: 'There is no inspection "none".' },
    });
    for (const id of ['a%00b', 'a%1Bb', 'x'.repeat(129)])
      expect((await server.post(`/v1/inspections/${id}/reviews`, said)).status).toBe(400);
  });
});

describe('GET /v1/reviews', () => {
  it('is the queue of what needs a person, page by page', async () => {
    const [first, , second] = [await judged('REVIEW'), await judged('NG'), await judged('REVIEW')];
    const page = await queue('&limit=1');
    expect(page.items).toEqual([first]);
    expect((await queue(`&limit=1&after=${page.nextCursor}`)).items).toEqual([second]);
    await server.post(pathOf(first), { decision: 'FALSE_CALL', by: 'mara' });
    expect((await queue()).items).toEqual([second]);
  });

  it.each(['state=done', 'after=nonsense', 'limit=501', 'verdict=NG'])('refuses ?%s', async (query) => {
    expect((await server.get(`/v1/reviews?${query}`)).status).toBe(400);
  });
});
