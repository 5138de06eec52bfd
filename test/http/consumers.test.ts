// Consumers over HTTP: an MES that reads, acks, is restarted and goes on.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import type { ConsumerStanding, Page } from '../../src/store/store.js';
import { A_REVIEW, anInspection, NOTHING } from '../store/samples.js';
import { type RecordsServer, startRecordsServer } from '../support/records-server.js';

let server: RecordsServer;
let ids: string[];
beforeEach(async () => {
  server = await startRecordsServer();
  const saved = Array.from({ length: 4 }, () => anInspection());
  for (const inspection of saved) await server.store.save(inspection, NOTHING);
  ids = saved.map(({ inspectionId }) => inspectionId);
});
afterEach(() => server.close());

interface Acked {
  outcomes: { id?: string; cursor?: string; outcome: string }[];
}
const ack = <T = Acked>(body: unknown, name = 'mes-1') => server.post<T>(`/v1/consumers/${name}/ack`, body);
const standing = (name = 'mes-1') => server.get<ConsumerStanding>(`/v1/consumers/${name}`);

it('lets an MES ack what it read, and go on behind it after a restart', async () => {
  const { body } = await server.get<Page>('/v1/inspections?limit=3');
  expect((await ack({ ids: [ids[0], ids[2], 'none', ids[0]] })).body.outcomes).toEqual([
    { id: ids[0], outcome: 'ACKED' },
    { id: ids[2], outcome: 'ACKED' },
    { id: 'none', outcome: 'UNKNOWN' },
    { id: ids[0], outcome: 'ALREADY_ACKED' },
  ]);
  expect((await standing()).body).toMatchObject({ name: 'mes-1', lag: 2, ahead: 1 });
  const cursor = body.nextCursor;
  expect((await ack({ cursor })).body.outcomes).toEqual([{ cursor, outcome: 'ACKED' }]);
  const restarted = (await standing()).body;
  expect(restarted).toMatchObject({ lag: 1, ahead: 0 });
  const rest = await server.get<Page>(`/v1/inspections?after=${restarted.cursor}`);
  expect(rest.body.items.map(({ inspectionId }) => inspectionId)).toEqual([ids[3]]);
});

it('does not ack a revision unseen', async () => {
  await server.store.review(ids[0] ?? '', A_REVIEW);
  const outcomes = (
    await ack({
      ids: [
        { id: ids[0], revision: 1 },
        { id: ids[0], revision: 2 },
      ],
    })
  ).body;
  expect(outcomes.outcomes.map(({ outcome }) => outcome)).toEqual(['SUPERSEDED', 'ACKED']);
});

it('lists consumers, and forgets one', async () => {
  await ack({ ids: [ids[0]] }, 'b');
  await ack({ ids: [ids[0], ids[1]] }, 'a');
  const { body } = await server.get<{ consumers: ConsumerStanding[] }>('/v1/consumers');
  expect(body.consumers.map(({ name, lag }) => [name, lag])).toEqual([
    ['a', 2],
    ['b', 3],
  ]);
  const forget = () => fetch(`${server.url}/v1/consumers/a`, { method: 'DELETE' });
  expect((await forget()).status).toBe(204);
  expect((await forget()).status).toBe(404);
  expect((await standing('a')).status).toBe(404);
});

describe('refuses', () => {
  it('to speak of a consumer it does not know', async () => {
    expect(await server.get<Problem>('/v1/consumers/foreign')).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', part: 'name' },
    });
    await ack({ ids: ['none', 'neither'] }, 'foreign');
    expect((await standing('foreign')).status).toBe(404);
  });

  it.each(['a%00b', 'a%20b', 'x'.repeat(65), 'caf%C3%A9', 'a%2Fb'])('a consumer named %s', async (name) => {
    expect((await ack({ ids: [ids[0]] }, name)).status).toBe(400);
    expect((await standing(name)).status).toBe(400);
  });

  it.each([
    ['no ids', { ids: [] }],
    ['1001 ids', { ids: Array.from({ length: 1001 }, (_, i) => `${i}`) }],
    ['an id with a control character', { ids: ['a\u0000b'] }],
    ['an empty id', { ids: [''] }],
    ['an id of 129 characters', { ids: ['x'.repeat(129)] }],
    ['a number for an id', { ids: [7] }],
    ['revision 0', { ids: [{ id: 'a', revision: 0 }] }],
    ['ids and a cursor', { ids: ['a'], cursor: 'b' }],
    ['neither', {}],
  ])('%s', async (_, body) => {
    const answer = await ack<Problem>(body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
    expect(answer.body.detail).toMatch(/\bids\b/);
    expect((await standing()).status).toBe(404);
  });

  it('a cursor that is none of its own', async () => {
    const foreign = Buffer.from('lmdb.0123456789ab.1').toString('base64url');
    for (const cursor of ['nonsense', foreign])
      expect(await ack<Problem>({ cursor })).toMatchObject({
        status: 400,
        body: { code: 'BAD_CURSOR', part: 'cursor' },
      });
  });
});
