// On a service where others work too, the shift books its own parts and no others.
import { expect, it } from '@jest/globals';
import { Mes, takeStock } from '../../../bench/line/mes.js';
import type { PersistentClient, Reply } from '../../../bench/line/persistent-client.js';
import type { Site } from '../../../bench/line/plant.js';

const SITE: Site = {
  url: 'http://service',
  headers: {},
  model: 'tiny@1',
  shift: 'night',
  begin: 'c0',
  isShared: true,
};

const entry = (captureId: string) => ({
  captureId,
  inspectionId: `of ${captureId}`,
  revision: 1,
  state: 'COMPLETED',
});

/** A service whose feed holds these two pages; everything is acked. */
function serviceWith(...pages: readonly (readonly ReturnType<typeof entry>[])[]) {
  const ackRequests: string[][] = [];
  const client: Pick<PersistentClient, 'ask'> = {
    ask: async (path, init) => {
      if (path.endsWith('/ack')) {
        const { ids } = JSON.parse(String(init().body)) as { ids: { id: string }[] };
        ackRequests.push(ids.map(({ id }) => id));
        return { body: { outcomes: ids.map(() => ({ outcome: 'ACKED' })) } } as unknown as Reply;
      }
      const after = new URL(path, SITE.url).searchParams.get('after') ?? 'c0';
      const at = Number(after.slice(1));
      const items = pages[at] ?? [];
      return { body: { items, nextCursor: items.length === 0 ? after : `c${at + 1}` } } as unknown as Reply;
    },
  };
  return { client, ackRequests };
}

const PAGES = [
  [entry('night-A-1'), entry('day-A-1'), entry('nightly')],
  [entry('day-A-2'), entry('night-B-1')],
];
const OWN = ['night-A-1', 'night-B-1'];
const namesOf = (entries: readonly { readonly captureId: string }[]) =>
  entries.map(({ captureId }) => captureId);

it('the MES takes all that it reads from the list of the owed, and books its own', async () => {
  const { client, ackRequests } = serviceWith(...PAGES);
  const mes = new Mes(client, SITE, () => {});
  await mes.poll(() => true, new AbortController().signal);
  expect(namesOf(mes.polled)).toEqual(OWN);
  expect(namesOf(mes.acked)).toEqual(OWN);
  expect(ackRequests.map(({ length }) => length)).toEqual([3, 2]);
});

it('stock is taken of its own parts', async () => {
  const { client } = serviceWith(...PAGES);
  const { inspected, lag } = await takeStock(client, SITE);
  expect(namesOf(inspected)).toEqual(OWN);
  expect(lag).toBe(0);
});
