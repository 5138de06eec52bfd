// Idempotency: one run however often a capture is sent, over both intake stores and across replicas.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { contentHash } from '../../src/captures/content-hash.js';
import { ServiceError } from '../../src/errors.js';
import type { Capture } from '../../src/inspect.js';
import type { Inspection } from '../../src/inspection.js';
import type { IntakeStore } from '../../src/intake/intake-store.js';
import { createRedisIntake } from '../../src/intake/redis.js';
import { redisOfThisFile } from '../support/redis-of-this-file.js';
import { aCapture, type Line, latch, lmdbPlace, openLine, recorded } from './support.js';

const redis = redisOfThisFile();

let places = 0;
const overRedis = async () => {
  const keyPrefix = `once${places++}:`;
  return {
    // Its lifetimes are the server's own: the tests' clock would let entries die at once.
    open: () => createRedisIntake({ redis: redis(), keyPrefix, nowMs: () => 0 }),
    remove: async () => {},
  };
};

const refusal = new ServiceError('PART_CORRUPT', { detail: 'Part "rgb" cannot be used.' });
const untilAsked = async (line: Line, runs: number) => {
  while (line.runs.length < runs) await new Promise((resolve) => setImmediate(resolve));
};

describe.each([
  ['lmdb', lmdbPlace],
  ['redis', overRedis],
])('%s: a capture that is sent again', (_name, newPlace) => {
  let place: { open(): IntakeStore; remove(): Promise<void> };
  let intake: IntakeStore;
  let line: Line;
  beforeEach(async () => {
    place = await newPlace();
    intake = place.open();
    line = openLine(intake);
  });
  afterEach(async () => {
    await line.close();
    await intake.close();
    await place.remove();
  });

  it('gets the first answer, marked, and is not judged again', async () => {
    const first = await line.captures.inspect(aCapture('c-1', 'x'));
    const second = await line.captures.inspect(aCapture('c-1', 'x'));
    expect(first.replayed).toBe(false);
    expect(second).toEqual({ inspection: first.inspection, replayed: true });
    expect(line.runs).toHaveLength(1);
  });

  it('is the same with less time left, and another with anything else', async () => {
    await line.captures.inspect(aCapture('c-1', 'x', { metadata: { captureId: 'c-1', deadlineMs: 500 } }));
    const later = aCapture('c-1', 'x', { metadata: { captureId: 'c-1', deadlineMs: 400 } });
    expect((await line.captures.inspect(later)).replayed).toBe(true);
    const others = [
      aCapture('c-1', 'y'),
      aCapture('c-1', 'x', { metadata: { captureId: 'c-1', lineId: 'line-2' } }),
      aCapture('c-1', 'x', { model: 'tiny@1' }),
      aCapture('c-1', 'x', { parts: new Map([['depth', Buffer.from('x')]]) }),
    ];
    for (const other of others)
      await expect(line.captures.inspect(other)).rejects.toMatchObject({
        code: 'CAPTURE_CONFLICT',
        status: 409,
        message: expect.stringMatching(/"c-1" came before with other content; give this one/),
      });
    expect(line.runs).toHaveLength(1);
  });

  it('waits for its twin that is under way, and they share one run', async () => {
    const held = latch();
    line.script.push(async (capture) => {
      await held.promise;
      return recorded(capture, line.results);
    });
    const twins = [1, 2, 3].map(() => line.captures.inspect(aCapture('c-1', 'x')));
    await untilAsked(line, 1);
    await expect(line.captures.inspect(aCapture('c-1', 'other'))).rejects.toMatchObject({
      code: 'CAPTURE_CONFLICT',
    });
    held.open();
    const answers = await Promise.all(twins);
    expect(line.runs).toHaveLength(1);
    expect(answers.map(({ replayed }) => replayed).sort()).toEqual([false, true, true]);
    expect(new Set(answers.map(({ inspection }) => inspection.inspectionId)).size).toBe(1);
  });

  it('does not wait for its twin longer than it was given', async () => {
    const held = latch();
    line.script.push(async (capture) => {
      await held.promise;
      return recorded(capture, line.results);
    });
    const first = line.captures.inspect(aCapture('c-1', 'x'));
    await untilAsked(line, 1);
    const impatient = new AbortController();
    const second = line.captures.inspect(aCapture('c-1', 'x', { signal: impatient.signal }));
    impatient.abort(new ServiceError('DEADLINE_UNREACHABLE', { detail: 'over' }));
    await expect(second).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE' });
    held.open();
    expect((await first).replayed).toBe(false);
  });

  it('is judged where the first was refused: a refusal leaves no trace', async () => {
    line.script.push(async () => {
      throw refusal;
    });
    await expect(line.captures.inspect(aCapture('c-1', 'x'))).rejects.toBe(refusal);
    expect(await intake.get('c-1')).toBeUndefined();
    expect((await line.captures.inspect(aCapture('c-1', 'other'))).replayed).toBe(false);
  });

  it('is judged by itself where the client of its twin hung up', async () => {
    const held = latch<Inspection>();
    line.script.push(() => held.promise);
    const first = line.captures.inspect(aCapture('c-1', 'x'));
    await untilAsked(line, 1);
    const second = line.captures.inspect(aCapture('c-1', 'x'));
    held.fail(new ServiceError('CLIENT_GONE', { detail: 'gone' }));
    await expect(first).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    expect((await second).replayed).toBe(false);
    expect(line.runs).toHaveLength(2);
  });

  it('is another capture once the window is over', async () => {
    const first = await line.captures.inspect(aCapture('c-1', 'x'));
    line.clock.ms += 60_000;
    const second = await line.captures.inspect(aCapture('c-1', 'y'));
    expect(second.replayed).toBe(false);
    expect(second.inspection.inspectionId).not.toBe(first.inspection.inspectionId);
  });

  it('keeps its id through a death between claim and record', async () => {
    const died = latch<Inspection>();
    line.script.push(() => died.promise);
    void line.captures.inspect(aCapture('c-1', 'x')).catch(() => {});
    await untilAsked(line, 1);
    await line.runs[0]?.claimed;
    const reborn = openLine(intake, { owner: 'reborn' }, line.results);
    // The dead one renews its lease no more, which holds for five seconds.
    reborn.clock.ms += 5001;
    const { inspection } = await reborn.captures.inspect(aCapture('c-1', 'x'));
    expect(inspection.inspectionId).toBe(line.runs[0]?.inspectionId);
    died.fail(refusal);
    await reborn.close();
  });

  it('gets its answer without the store, and a retry the same one', async () => {
    const broken = new Proxy(intake, {
      get: (target, property) =>
        ['get', 'swap'].includes(String(property))
          ? async () => {
              throw new ServiceError('STORE_UNAVAILABLE', { detail: 'down' });
            }
          : Reflect.get(target, property),
    });
    const alone = openLine(broken);
    const first = await alone.captures.inspect(aCapture('c-1', 'x'));
    const second = await alone.captures.inspect(aCapture('c-1', 'x'));
    expect(second).toEqual({ inspection: first.inspection, replayed: true });
    expect(alone.runs).toHaveLength(1);
    expect(alone.failures).toHaveLength(1);
    await alone.close();
  });

  it('gets the first answer where its record could not be stored', async () => {
    line.script.push(async (capture) => ({ ...recorded(capture, new Map()), stored: false }));
    const first = await line.captures.inspect(aCapture('c-1', 'x'));
    expect(await line.captures.inspect(aCapture('c-1', 'x'))).toEqual({ ...first, replayed: true });
    expect((await intake.get('c-1'))?.entry.lease).toBeNull();
  });

  it('changes nothing for captures without an id', async () => {
    const anonymous = { metadata: {} } satisfies Partial<Capture>;
    await line.captures.inspect(aCapture('', 'x', anonymous));
    await line.captures.inspect(aCapture('', 'x', anonymous));
    expect(line.runs).toHaveLength(2);
  });
});

describe('redis: twins at two replicas', () => {
  it('share one run, whichever came first, and a refusal lets the other one run', async () => {
    const intake = (await overRedis()).open();
    const results = new Map<string, Inspection>();
    const [one, two] = [
      openLine(intake, { owner: 'one' }, results),
      openLine(intake, { owner: 'two' }, results),
    ];
    for (let i = 0; i < 50; i++) {
      const answers = await Promise.all(
        [one, two, one, two].map(({ captures }) => captures.inspect(aCapture(`c-${i}`, 'x'))),
      );
      expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(one.runs.length + two.runs.length).toBe(i + 1);
    }
    const held = latch<Inspection>();
    one.script.push(() => held.promise);
    const before = one.runs.length;
    const refused = one.captures.inspect(aCapture('r-1', 'x'));
    await untilAsked(one, before + 1);
    const other = two.captures.inspect(aCapture('r-1', 'x'));
    held.fail(refusal);
    await expect(refused).rejects.toBe(refusal);
    expect((await other).replayed).toBe(false);
    await Promise.all([one.close(), two.close()]);
  });
});

it('hashes the same content the same, in whatever order it comes', () => {
  const hash = (parts: [string, string][], metadata: object, model: string | null = null) =>
    contentHash(new Map(parts), metadata, model);
  const one = hash(
    [
      ['rgb', 'a'],
      ['depth', 'b'],
    ],
    { lineId: 'l', attributes: { x: 1, y: 2 } },
  );
  expect(
    hash(
      [
        ['depth', 'b'],
        ['rgb', 'a'],
      ],
      { attributes: { y: 2, x: 1 }, lineId: 'l' },
    ),
  ).toBe(one);
  expect(
    hash(
      [
        ['depth', 'a'],
        ['rgb', 'b'],
      ],
      { lineId: 'l', attributes: { x: 1, y: 2 } },
    ),
  ).not.toBe(one);
});
