// Captures that come piece by piece: judged on a word or at a deadline, with what came, and again where one was late.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import type { IntakeStore } from '../../src/intake/intake-store.js';
import { aCapture, bytes, type Line, latch, lmdbPlace, openLine, recorded } from './support.js';

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

const never = () => new AbortController().signal;
const put = (name: string, content: string, captureId = 'c-1') =>
  line.captures.putPiece(captureId, name, bytes(content));
const complete = (captureId = 'c-1') => line.captures.complete(captureId, 1000, never());
const view = (captureId = 'c-1') => line.captures.find(captureId, 0, never());
const settled = async () => {
  for (let i = 0; i < 20; i++) await line.captures.runners.turn();
};
const partsOf = (run: number) => [...(line.runs[run]?.parts.keys() ?? [])].sort();

describe('pieces', () => {
  it('are judged together on a word, which is answered with the inspection', async () => {
    expect((await put('rgb', 'a')).created).toBe(true);
    expect((await put('depth', 'b')).view).toMatchObject({ state: 'OPEN', revision: 0 });
    await line.captures.putMetadata('c-1', { lineId: 'line-1' });
    const { inspection, replayed } = await complete();
    expect(replayed).toBe(false);
    expect(partsOf(0)).toEqual(['depth', 'rgb']);
    expect(line.runs[0]?.metadata).toEqual({ lineId: 'line-1', captureId: 'c-1' });
    expect(await complete()).toEqual({ inspection, replayed: true });
    expect(line.runs).toHaveLength(1);
    expect(await intake.usage()).toEqual({ captures: 0, bytes: 0 });
  });

  it('are judged at the deadline with what came by then', async () => {
    await put('rgb', 'a');
    line.clock.ms += 1999;
    await settled();
    expect(line.runs).toHaveLength(0);
    line.clock.ms += 1;
    await settled();
    expect(partsOf(0)).toEqual(['rgb']);
    expect(await view()).toMatchObject({ state: 'COMPLETED', revision: 1, deadlineAt: null });
  });

  it('are waited for as long as the recipe says, from the first piece on', async () => {
    await put('rgb', 'a');
    line.clock.ms += 100;
    await line.captures.putMetadata('c-1', { recipe: 'revise' });
    line.clock.ms += 399;
    await settled();
    expect(line.runs).toHaveLength(0);
    line.clock.ms += 1;
    await settled();
    expect(line.runs).toHaveLength(1);
  });

  it('whose deadline passed while the service was down are judged at its start', async () => {
    await put('rgb', 'a');
    await line.close();
    line = openLine(intake, { owner: 'next' }, line.results);
    line.clock.ms += 100_000;
    await line.captures.runners.start();
    await settled();
    expect(line.runs).toHaveLength(1);
  });

  it('may be sent twice, but not with other bytes', async () => {
    await put('rgb', 'a');
    expect((await put('rgb', 'a')).created).toBe(false);
    await expect(put('rgb', 'b')).rejects.toMatchObject({ code: 'CAPTURE_CONFLICT', part: 'rgb' });
    await complete();
    expect((await put('rgb', 'a')).created).toBe(false);
    await expect(put('rgb', 'b')).rejects.toMatchObject({ code: 'CAPTURE_CONFLICT', part: 'rgb' });
  });

  it('that come at the same time from several machines are all there', async () => {
    await Promise.all(['rgb', 'depth', 'acoustic', 'thermal'].map((name) => put(name, name)));
    await complete();
    expect(partsOf(0)).toEqual(['acoustic', 'depth', 'rgb', 'thermal']);
  });

  it('take their metadata once, and not of another capture', async () => {
    await line.captures.putMetadata('c-1', { lineId: 'line-1' });
    expect((await line.captures.putMetadata('c-1', { lineId: 'line-1' })).created).toBe(false);
    await expect(line.captures.putMetadata('c-1', { lineId: 'line-2' })).rejects.toMatchObject({
      code: 'CAPTURE_CONFLICT',
      part: 'metadata',
    });
    await expect(line.captures.putMetadata('c-1', { captureId: 'c-2' })).rejects.toMatchObject({
      code: 'BAD_METADATA',
      part: 'captureId',
    });
    await expect(line.captures.putMetadata('c-3', { recipe: 'soup' })).rejects.toMatchObject({
      code: 'UNKNOWN_RECIPE',
    });
  });

  it('are limited together, and none is empty', async () => {
    await put('rgb', 'x'.repeat(60));
    await expect(put('depth', 'x'.repeat(41))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    await put('depth', 'x'.repeat(40));
    await expect(put('acoustic', '')).rejects.toMatchObject({ code: 'PART_EMPTY', part: 'acoustic' });
  });

  it('of a capture that is unknown cannot be completed', async () => {
    await expect(complete('c-9')).rejects.toMatchObject({ code: 'NOT_FOUND', part: 'captureId' });
    await expect(line.captures.acceptComplete('c-9')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(view('c-9')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('that were refused on the word may be completed again until the deadline, and are then set aside', async () => {
    await put('rgb', 'a');
    const corrupt = async () => {
      throw new ServiceError('PART_CORRUPT', { detail: 'broken' });
    };
    line.script.push(corrupt, corrupt);
    await expect(complete()).rejects.toMatchObject({ code: 'PART_CORRUPT' });
    expect((await view()).state).toBe('OPEN');
    line.clock.ms += 2000;
    await settled();
    expect(await view()).toMatchObject({ state: 'FAILED', failure: { code: 'PART_CORRUPT' } });
    await expect(complete()).rejects.toMatchObject({ code: 'CAPTURE_FAILED', status: 422 });
  });

  it('completed by two at once are judged once', async () => {
    await put('rgb', 'a');
    const answers = await Promise.all([complete(), complete(), complete()]);
    expect(line.runs).toHaveLength(1);
    expect(new Set(answers.map(({ inspection }) => inspection.inspectionId)).size).toBe(1);
  });

  it('completed without waiting are judged later', async () => {
    await put('rgb', 'a');
    expect((await line.captures.acceptComplete('c-1')).view.state).toBe('ACCEPTED');
    await settled();
    expect((await view()).state).toBe('COMPLETED');
  });

  it('and a whole capture of the same name are told apart', async () => {
    await put('rgb', 'a');
    await expect(
      line.captures.accept({
        parts: new Map([['rgb', bytes('a')]]),
        metadata: { captureId: 'c-1' },
        model: undefined,
      }),
    ).rejects.toMatchObject({ code: 'CAPTURE_CONFLICT', message: expect.stringMatching(/coming in pieces/) });
  });

  it('take nothing late for a capture that came whole, before it is judged or after', async () => {
    const parts = new Map([['rgb', bytes('a')]]);
    await line.captures.accept({ parts, metadata: { captureId: 'whole' }, model: undefined });
    await line.captures.inspect(aCapture('sync', 'a'));
    const refused = {
      code: 'CAPTURE_CONFLICT',
      message: expect.stringMatching(/came whole, so nothing can be added to it/),
    };
    const late = (captureId: string) => line.captures.putPiece(captureId, 'depth', bytes('b'));
    await expect(late('whole')).rejects.toMatchObject(refused);
    await settled();
    for (const captureId of ['whole', 'sync']) {
      await expect(late(captureId)).rejects.toMatchObject(refused);
      await expect(line.captures.putMetadata(captureId, { lineId: 'L' })).rejects.toMatchObject(refused);
    }
  });
});

describe('a modality that comes late', () => {
  const judgedWith = async (recipe: string) => {
    await line.captures.putMetadata('c-1', { recipe });
    await put('rgb', 'a');
    return complete();
  };

  it('is written down and changes nothing, where the recipe says so', async () => {
    await judgedWith('ignore');
    const { view: seen } = await put('depth', 'b');
    expect(seen).toMatchObject({ state: 'COMPLETED', revision: 1 });
    expect(seen.modalities).toMatchObject([
      { name: 'rgb', late: false, revision: 1 },
      { name: 'depth', late: true, revision: null },
    ]);
    await settled();
    expect(line.runs).toHaveLength(1);
    expect(await intake.usage()).toEqual({ captures: 0, bytes: 0 });
  });

  it('is answered by a revision with all of them, which says what was answered before', async () => {
    const first = await judgedWith('revise');
    expect((await put('depth', 'b')).view.state).toBe('ACCEPTED');
    await settled();
    expect(partsOf(1)).toEqual(['depth', 'rgb']);
    const { inspectionId, verdict, score, branch } = first.inspection;
    expect(line.runs[1]).toMatchObject({
      inspectionId,
      revision: 2,
      previous: { revision: 1, verdict, score, branch },
    });
    expect(await view()).toMatchObject({ state: 'COMPLETED', revision: 2 });
    expect((await view()).modalities[1]).toMatchObject({ name: 'depth', late: true, revision: 2 });
  });

  it('that comes during the run is answered by a revision right after it', async () => {
    await line.captures.putMetadata('c-1', { recipe: 'revise' });
    await put('rgb', 'a');
    const held = latch();
    line.script.push(async (capture) => {
      await held.promise;
      return recorded(capture, line.results);
    });
    const first = complete();
    while (line.runs.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await put('depth', 'b')).view).toMatchObject({
      state: 'RUNNING',
      modalities: [{}, { late: true }],
    });
    held.open();
    expect((await first).inspection.revision).toBe(1);
    await settled();
    expect(partsOf(0)).toEqual(['rgb']);
    expect(partsOf(1)).toEqual(['depth', 'rgb']);
    expect((await view()).revision).toBe(2);
  });

  it('comes after a review: the revision takes the next number', async () => {
    const { inspection } = await judgedWith('revise');
    line.results.set(inspection.inspectionId, { ...inspection, revision: 2 });
    await put('depth', 'b');
    await settled();
    expect(line.runs[1]).toMatchObject({ revision: 3, previous: { revision: 2 } });
  });

  it('is tried again where a review took its number while it was judged', async () => {
    const { inspection } = await judgedWith('revise');
    line.script.push(async (capture) => {
      line.results.set(inspection.inspectionId, { ...inspection, revision: 2 });
      return recorded(capture, line.results);
    });
    await put('depth', 'b');
    await settled();
    line.clock.ms += 1000;
    await settled();
    expect(line.results.get(inspection.inspectionId)).toMatchObject({
      revision: 3,
      previous: { revision: 2 },
    });
    expect((await view()).revision).toBe(3);
  });

  it('comes too late where the bytes of the others are gone', async () => {
    await judgedWith('revise');
    line.clock.ms += 10_000;
    await settled();
    expect(await intake.usage()).toEqual({ captures: 0, bytes: 0 });
    expect((await put('depth', 'b')).view).toMatchObject({
      state: 'COMPLETED',
      modalities: [{}, { late: true }],
    });
    await settled();
    expect(line.runs).toHaveLength(1);
  });

  it('whose revision fails leaves the record as it was, and says why', async () => {
    await judgedWith('revise');
    line.script.push(async () => {
      throw new ServiceError('PART_CORRUPT', { detail: 'broken' });
    });
    await put('depth', 'b');
    await settled();
    expect(await view()).toMatchObject({
      state: 'COMPLETED',
      revision: 1,
      failure: { code: 'PART_CORRUPT' },
    });
  });
});
