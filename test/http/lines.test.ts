// The counters of lines over HTTP.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { A_REVIEW, anInspection, NOTHING } from '../store/samples.js';
import { type RecordsServer, startRecordsServer } from '../support/records-server.js';

let server: RecordsServer;
beforeAll(async () => {
  server = await startRecordsServer();
  const save = async (lineId: string, verdict: 'OK' | 'NG', partId: string) => {
    const inspection = anInspection({ lineId, verdict, partId });
    await server.store.save(inspection, NOTHING);
    return inspection;
  };
  await save('line-1', 'OK', 'a');
  const called = await save('line-1', 'NG', 'b');
  await server.store.review(called.inspectionId, { ...A_REVIEW, decision: 'FALSE_CALL' });
  await save('hall 3: east', 'OK', 'a');
});
afterAll(() => server.close());

const LINE_1 = {
  inspected: 2,
  failed: 0,
  verdicts: { OK: 1, REVIEW: 0, NG: 1, NOT_DECIDABLE: 0 },
  reviews: { falseCalls: 1, confirmedCalls: 0, misses: 0, confirmedGood: 0, reworked: 0 },
  parts: { inspected: 2, firstPassOk: 1, repeats: 0 },
  falseCallRatio: 1,
  missRatio: null,
  firstPassYield: 0.5,
};

it('lists every line with its counters and ratios', async () => {
  const { body } = await server.get<{ lines: { lineId: string }[] }>('/v1/lines');
  expect(body.lines.map(({ lineId }) => lineId)).toEqual(['hall 3: east', 'line-1']);
  expect(body.lines[1]).toMatchObject(LINE_1);
});

it('resets a line at a change-over, and shows the event with what was before', async () => {
  const said = { by: 'mara', reason: 'product 7' };
  const event = await server.post('/v1/lines/line-1:reset', said);
  expect(event).toMatchObject({ status: 200, body: { ...said, ...LINE_1 } });
  const line = await server.get('/v1/lines/line-1');
  expect(line.body).toMatchObject({
    lineId: 'line-1',
    inspected: 0,
    firstPassYield: null,
    resets: [event.body],
  });
});

it('takes a line whose name has spaces and colons', async () => {
  const path = `/v1/lines/${encodeURIComponent('hall 3: east')}`;
  expect((await server.get(path)).body).toMatchObject({ inspected: 1 });
  expect((await server.post(`${path}:reset`, { by: 'm', reason: 'r' })).status).toBe(200);
  expect((await server.get(path)).body).toMatchObject({ inspected: 0 });
});

describe('refuses', () => {
  it('a line it does not know', async () => {
    const unknown = { status: 404, body: { code: 'NOT_FOUND', part: 'lineId' } };
    expect(await server.get('/v1/lines/none')).toMatchObject(unknown);
    expect(await server.post('/v1/lines/none:reset', { by: 'm', reason: 'r' })).toMatchObject(unknown);
  });

  it.each(['a%00b', 'x'.repeat(129)])('a line named %s', async (name) => {
    expect((await server.get(`/v1/lines/${name}`)).status).toBe(400);
    expect((await server.post(`/v1/lines/${name}:reset`, { by: 'm', reason: 'r' })).status).toBe(400);
  });

  it.each([
    ['nobody', { reason: 'r' }, 'by'],
    ['no reason', { by: 'm' }, 'reason'],
    ['an empty reason', { by: 'm', reason: '' }, 'reason'],
    ['a reason of 501 characters', { by: 'm', reason: 'r'.repeat(501) }, 'reason'],
    ['a reason with a control character', { by: 'm', reason: '\u0007' }, 'reason'],
  ])('a reset by %s', async (_, body, part) => {
    expect(await server.post('/v1/lines/line-1:reset', body)).toMatchObject({ status: 400, body: { part } });
  });
});
