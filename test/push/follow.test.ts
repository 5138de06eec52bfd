// Reading the feed event by event: nothing left out, resumed exactly where it stopped.
import { describe, expect, it } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import { cloudEvent, eventOf } from '../../src/push/event.js';
import { FIRST, follow, knownPosition, type Step } from '../../src/push/follow.js';
import { anInspection } from '../store/samples.js';
import { type MemoryFeed, memoryFeed } from './samples.js';

const many = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    anInspection({ inspectionId: `i${i}`, lineId: i % 2 ? 'odd' : 'even', verdict: i % 3 ? 'OK' : 'NG' }),
  );

/** The ids of the events up to `count`, and the position after the last. */
async function read(feed: MemoryFeed, from: string, count: number, filter = {}): Promise<[string[], string]> {
  const stop = new AbortController();
  const ids: string[] = [];
  let last = from;
  for await (const { event, position } of follow({ feed, from, filter, idleMs: 1e6, signal: stop.signal })) {
    if (event !== undefined) ids.push(event.inspection.inspectionId);
    last = position;
    if (ids.length === count) break;
  }
  return [ids, last];
}

describe('follow', () => {
  it('goes on behind every single event, inside a page as between pages', async () => {
    const feed = memoryFeed(many(120));
    for (const stop of [1, 7, 49, 50, 51, 100, 119]) {
      const [before, position] = await read(feed, FIRST, stop);
      const [after] = await read(feed, position, 120 - stop);
      expect([...before, ...after]).toEqual(many(120).map(({ inspectionId }) => inspectionId));
    }
  });

  it('goes on with its filter, and waits for what is not there yet', async () => {
    const feed = memoryFeed(many(12));
    const filter = { lineId: 'odd', verdicts: ['NG', 'REVIEW'] as const };
    const [first, position] = await read(feed, FIRST, 1, filter);
    expect(first).toEqual(['i3']);
    const rest = read(feed, position, 2, filter);
    feed.add(anInspection({ inspectionId: 'i12', lineId: 'even', verdict: 'NG' }));
    feed.add(anInspection({ inspectionId: 'i13', lineId: 'odd', verdict: 'REVIEW' }));
    expect((await rest)[0]).toEqual(['i9', 'i13']);
  });

  it('tells a reader that finds nothing how far it has read', async () => {
    const feed = memoryFeed(many(60));
    const steps: Step[] = [];
    const following = { feed, from: FIRST, filter: { lineId: 'nobody' }, idleMs: 1e6 };
    for await (const step of follow({ ...following, signal: new AbortController().signal })) {
      steps.push(step);
      if (step.position === '60') break;
    }
    expect(steps).toEqual([{ position: '50' }, { position: '60' }]);
  });

  it('begins its page again where the event it stopped at is gone', async () => {
    const feed = memoryFeed(many(3));
    expect((await read(feed, '0~gone.1', 3))[0]).toEqual(['i0', 'i1', 'i2']);
  });

  it('ends when it is aborted while it waits', async () => {
    const stop = new AbortController();
    const following = { feed: memoryFeed(), from: FIRST, filter: {}, idleMs: 1e6, signal: stop.signal };
    const next = follow(following).next();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('takes a position of another store for the first record, and passes on every other failure', async () => {
    const failing = (code: 'BAD_CURSOR' | 'STORE_UNAVAILABLE') => ({
      ...memoryFeed(),
      list: () => Promise.reject(new ServiceError(code, { detail: 'no' })),
    });
    expect(await knownPosition(failing('BAD_CURSOR'), '7')).toBe(FIRST);
    await expect(knownPosition(failing('STORE_UNAVAILABLE'), '7')).rejects.toThrow('no');
    expect(await knownPosition(memoryFeed(), '7~x.1')).toBe('7~x.1');
  });
});

describe('events', () => {
  it('are named after the inspection and its revision', () => {
    const inspection = anInspection({ inspectionId: 'i' });
    expect(eventOf(inspection)).toMatchObject({ id: 'i.1', type: 'branchline.inspection.completed' });
    const revised = { ...inspection, revision: 2 };
    expect(eventOf(revised)).toMatchObject({ id: 'i.2', type: 'branchline.inspection.revised' });
    const later = new Date(Date.parse(inspection.completedAt) + 1000).toISOString();
    const reviews = [{ decision: 'CONFIRMED' as const, by: 'mara', note: null, at: later }];
    const reviewed = { ...inspection, revision: 3, reviews };
    expect(eventOf(reviewed)).toMatchObject({ id: 'i.3', type: 'branchline.inspection.reviewed' });
    const answeredAgain = {
      ...reviewed,
      revision: 4,
      completedAt: new Date(Date.parse(later) + 1).toISOString(),
    };
    expect(eventOf(answeredAgain).type).toBe('branchline.inspection.revised');
  });

  it('are CloudEvents 1.0 where there are no headers', () => {
    const inspection = anInspection({ inspectionId: 'i' });
    expect(cloudEvent(eventOf(inspection))).toEqual({
      specversion: '1.0',
      id: 'i.1',
      source: '/branchline',
      type: 'branchline.inspection.completed',
      subject: 'i',
      time: inspection.completedAt,
      datacontenttype: 'application/json',
      data: inspection,
    });
  });
});
