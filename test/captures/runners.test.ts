// Captures judged later: at least once, recorded once, and never in another one's way.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import type { Inspection } from '../../src/inspection.js';
import type { IntakeStore } from '../../src/intake/intake-store.js';
import { bytes, type Line, latch, lmdbPlace, openLine, recorded } from './support.js';

let place: { open(): IntakeStore; remove(): Promise<void> };
let intake: IntakeStore;
let line: Line;
beforeEach(async () => {
  place = await lmdbPlace();
  intake = place.open();
  line = openLine(intake);
});
afterEach(async () => {
  await line.close();
  await intake.close();
  await place.remove();
});

const submission = (captureId: string | undefined, content = 'x') => ({
  parts: new Map([['rgb', bytes(content)]]),
  metadata: captureId === undefined ? {} : { captureId, lineId: 'L' },
  model: undefined,
});
const accept = (captureId?: string, content?: string) => line.captures.accept(submission(captureId, content));
const state = async (captureId: string) =>
  (await line.captures.find(captureId, 0, new AbortController().signal)).state;
const dies = (code: 'WORKER_LOST' | 'WORKER_STUCK' | 'INTERNAL' | 'PART_CORRUPT') => async () => {
  throw new ServiceError(code, { detail: `${code} happened.` });
};
const recordsOf = (captureId: string) =>
  [...line.results.values()].filter((record) => record.captureId === captureId);
const settled = async () => {
  for (let i = 0; i < 20; i++) await line.captures.runners.turn();
};
/** A life that ends in the middle of its run: the capture is RUNNING, under a lease of somebody who is gone. */
async function aLifeThatDies(owner: string): Promise<Line> {
  const life = openLine(intake, { owner }, line.results);
  life.script.push(() => latch<Inspection>().promise);
  return life;
}
const untilRunning = async (life: Line) => {
  while (life.runs.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
};
/** With c-1, which the first one died of already. */
async function theSecondLifeThatDies(): Promise<Line> {
  const first = await aLifeThatDies('first');
  await first.captures.accept(submission('c-1'));
  await untilRunning(first);
  const second = await aLifeThatDies('second');
  await second.captures.runners.start();
  await untilRunning(second);
  return second;
}

describe('a capture that was accepted', () => {
  it('is judged like one that was waited for, and recorded under the id it was given', async () => {
    const { view } = await accept('c-1');
    expect(view).toMatchObject({ captureId: 'c-1', revision: 0, inspection: null });
    await settled();
    const [run] = line.runs;
    expect(line.runs).toHaveLength(1);
    expect(run?.inspectionId).toBe(view.inspectionId);
    expect(Array.from(run?.parts.get('rgb') ?? [])).toEqual(Array.from(bytes('x')));
    expect(await line.captures.find('c-1', 0, new AbortController().signal)).toMatchObject({
      state: 'COMPLETED',
      revision: 1,
      inspection: { href: `/v1/inspections/${view.inspectionId}` },
    });
    expect(await intake.usage()).toEqual({ captures: 0, bytes: 0 });
  });

  it('without a name is given one', async () => {
    const { view } = await accept();
    expect(view.captureId).toMatch(/^id-/);
    await settled();
    expect(line.runs[0]?.metadata.captureId).toBe(view.captureId);
  });

  it('is accepted once, and another of its name is refused', async () => {
    await accept('c-1');
    expect((await accept('c-1')).replayed).toBe(true);
    await expect(accept('c-1', 'other')).rejects.toMatchObject({ code: 'CAPTURE_CONFLICT' });
    await settled();
    expect((await accept('c-1')).view.state).toBe('COMPLETED');
    expect(line.runs).toHaveLength(1);
  });

  it('answers a twin that waits', async () => {
    const { view } = await accept('c-1');
    const twin = line.captures.inspect({
      ...submission('c-1'),
      receivedAt: new Date(0),
      receivedMs: 0,
      deadlineMs: 1_010_000,
      signal: new AbortController().signal,
      reservePixels: () => () => {},
    });
    await settled();
    expect(await twin).toMatchObject({ replayed: true, inspection: { inspectionId: view.inspectionId } });
    expect(line.runs).toHaveLength(1);
  });

  it('waits for room in the queue, for the store, and for the end of a shutdown, without being counted', async () => {
    await accept('c-1');
    for (const code of [
      'OVERLOADED',
      'DEADLINE_UNREACHABLE',
      'SHUTTING_DOWN',
      'STORE_UNAVAILABLE',
    ] as const) {
      line.script.push(async () => {
        throw new ServiceError(code, { detail: 'later', retryAfterSeconds: 2 });
      });
      await settled();
      expect(await state('c-1')).toBe('ACCEPTED');
      line.clock.ms += 2000;
    }
    line.script.push(async (capture) => ({ ...recorded(capture, new Map()), stored: false }));
    await settled();
    expect(await state('c-1')).toBe('ACCEPTED');
    line.clock.ms += 1000;
    await settled();
    expect(await state('c-1')).toBe('COMPLETED');
    expect(line.runs).toHaveLength(6);
    expect(new Set(line.runs.map(({ inspectionId }) => inspectionId)).size).toBe(1);
  });

  it('that is at fault is set aside at once, with the reason', async () => {
    await accept('c-1');
    line.script.push(async () => {
      throw new ServiceError('PART_CORRUPT', { detail: 'Part "rgb" cannot be used.' });
    });
    await settled();
    expect(await line.captures.find('c-1', 0, new AbortController().signal)).toMatchObject({
      state: 'FAILED',
      failure: { code: 'PART_CORRUPT', detail: 'Part "rgb" cannot be used.' },
    });
    expect(line.setAside.map(({ captureId }) => captureId)).toEqual(['c-1']);
    expect(await intake.usage()).toEqual({ captures: 0, bytes: 0 });
  });

  it.each(['WORKER_LOST', 'WORKER_STUCK', 'INTERNAL'] as const)(
    'is set aside after %s twice, not once',
    async (code) => {
      await accept('c-1');
      line.script.push(dies(code));
      await settled();
      expect(await state('c-1')).toBe('ACCEPTED');
      line.clock.ms += 1000;
      line.script.push(dies(code));
      await settled();
      expect(await state('c-1')).toBe('FAILED');
      expect(recordsOf('c-1')).toMatchObject([{ state: 'FAILED', failure: { code }, lineId: 'L' }]);
      line.clock.ms += 60_000;
      await settled();
      expect(line.runs).toHaveLength(2);
    },
  );

  it('is not given up before its record is stored', async () => {
    await accept('c-1');
    line.saves.push(async () => {
      throw new ServiceError('STORE_UNAVAILABLE', { detail: 'down' });
    });
    line.script.push(dies('PART_CORRUPT'));
    await settled();
    expect([await state('c-1'), recordsOf('c-1')]).toEqual(['RUNNING', []]);
    line.clock.ms += 5001;
    line.script.push(dies('PART_CORRUPT'));
    await settled();
    expect(await state('c-1')).toBe('FAILED');
    expect(recordsOf('c-1')).toMatchObject([{ state: 'FAILED', failure: { code: 'PART_CORRUPT' } }]);
  });

  it('that killed its worker runs alone the next time, and the others get their turn', async () => {
    await accept('killer');
    line.script.push(dies('WORKER_LOST'));
    await settled();
    line.clock.ms += 1001;
    await accept('innocent');
    let company = 0;
    line.script.push(async () => {
      company = line.runs.filter(({ metadata }) => metadata.captureId === 'innocent').length;
      throw new ServiceError('WORKER_LOST', { detail: 'again' });
    });
    await settled();
    expect(company).toBe(0);
    expect([await state('killer'), await state('innocent')]).toEqual(['FAILED', 'COMPLETED']);
  });
});

describe('a process that dies in the middle of a run', () => {
  it('loses nothing: the next one takes the capture up, under the same id', async () => {
    const dying = await aLifeThatDies('first');
    const { view } = await dying.captures.accept(submission('c-1'));
    await untilRunning(dying);
    await line.captures.runners.start();
    await settled();
    expect(line.results.get(view.inspectionId)).toBeDefined();
    expect(await state('c-1')).toBe('COMPLETED');
  });

  it('twice sets the capture aside that ran both times', async () => {
    await theSecondLifeThatDies();
    await line.captures.runners.start();
    expect(await state('c-1')).toBe('FAILED');
    expect(line.runs).toHaveLength(0);
    expect(line.setAside.map(({ failure }) => failure?.detail)).toEqual([
      'The process ended 2 times while it was judged.',
    ]);
    expect(recordsOf('c-1')).toMatchObject([{ state: 'FAILED', verdict: 'NOT_DECIDABLE', lineId: 'L' }]);
  });

  it('twice, but after its record was stored, is no reason to give the capture up', async () => {
    const second = await theSecondLifeThatDies();
    const [run] = second.runs;
    if (run !== undefined) recorded(run, line.results);
    await line.captures.runners.start();
    expect(await state('c-1')).toBe('COMPLETED');
    expect(recordsOf('c-1')).toMatchObject([{ state: 'COMPLETED' }]);
    expect(line.setAside).toEqual([]);
  });

  it('twice, while a run that outlived its lease stores its record, keeps that record', async () => {
    const second = await theSecondLifeThatDies();
    line.saves.push(async () => {
      for (const run of second.runs) recorded(run, line.results);
    });
    await line.captures.runners.start();
    expect(await state('c-1')).toBe('COMPLETED');
    expect(recordsOf('c-1')).toMatchObject([{ state: 'COMPLETED' }]);
    expect(line.setAside).toEqual([]);
  });
});

it('takes no more than it may hold, and says which limit it was', async () => {
  for (let i = 0; i < 10; i++) await intake.swap(entryOf(`c-${i}`));
  await expect(accept('one-too-many')).rejects.toMatchObject({
    code: 'OVERLOADED',
    message: expect.stringMatching(/10 captures wait .*\(INTAKE_CAPTURES\)/),
  });
  const full = openLine(intake, { maxCaptures: 100, maxBytes: 4 });
  await expect(full.captures.accept(submission('large', '12345'))).rejects.toMatchObject({
    code: 'OVERLOADED',
    message: expect.stringMatching(/\(INTAKE_BYTES\)/),
  });
});

const entryOf = (captureId: string) => ({
  captureId,
  version: '',
  entry: {
    captureId,
    inspectionId: captureId,
    state: 'ACCEPTED' as const,
    inPieces: false,
    contentHash: 'x',
    pieces: [],
    metadata: null,
    model: null,
    receivedAtMs: 0,
    revision: 0,
    nextRevision: null,
    attempts: 0,
    lease: null,
    failure: null,
    openUntilMs: null,
    wakeAtMs: 2_000_000,
    expiresAtMs: 3_000_000,
    heldBytes: 0,
  },
});
