// Two replicas on one intake store: what a living one has under way is its own, what a dead one had is taken over.
import { describe, expect, it } from '@jest/globals';
import { isUnderLease } from '../../src/captures/lease.js';
import { ServiceError } from '../../src/errors.js';
import type { Inspection } from '../../src/inspection.js';
import type { IntakeEntry } from '../../src/intake/intake-store.js';
import { createRedisIntake } from '../../src/intake/redis.js';
import { redisOfThisFile } from '../support/redis-of-this-file.js';
import { aCapture, bytes, latch, openLine, recorded } from './support.js';

const redis = redisOfThisFile();

let places = 0;

/** A clock of both replicas, whose seconds bring what was due: of a process that died, nothing. */
function openReplicas() {
  const clock = { ms: 1_000_000 };
  const timers = new Map<() => void, { readonly atMs: number; readonly of: string }>();
  const dead = new Set<string>();
  const intake = createRedisIntake({ redis: redis(), keyPrefix: `lease${places++}:`, nowMs: () => 0 });
  const results = new Map<string, Inspection>();
  const replica = (owner: string) => {
    const after = (ms: number, callBack: () => void) => {
      timers.set(callBack, { atMs: clock.ms + ms, of: owner });
      return () => void timers.delete(callBack);
    };
    return openLine(intake, { owner, nowMs: () => clock.ms, after }, results);
  };
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.ms += 1000;
      const due = [...timers].filter(([, { atMs, of }]) => atMs <= clock.ms && !dead.has(of));
      for (const [callBack] of due) {
        timers.delete(callBack);
        callBack();
      }
      // The store answers in its own time.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const [dies, wakes] = [() => dead.add('one'), () => dead.delete('one')];
  return { one: replica('one'), two: replica('two'), results, intake, timers, pass, dies, wakes };
}

const submission = {
  parts: new Map([['rgb', bytes('x')]]),
  metadata: { captureId: 'c-1' },
  model: undefined,
};

/** The first replica has the capture under way, and does not come to its end until told. */
async function underWay(form: 'sync' | 'async') {
  const replicas = openReplicas();
  const { one } = replicas;
  const end = latch<Inspection>();
  one.script.push(() => end.promise);
  const answer =
    form === 'sync'
      ? one.captures.inspect(aCapture('c-1', 'x')).catch(() => {})
      : one.captures.accept(submission);
  while (one.runs.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const finish = () => {
    const [run] = one.runs;
    if (run !== undefined) end.open(recorded(run, replicas.results));
    return answer;
  };
  return { ...replicas, finish };
}

describe.each(['sync', 'async'] as const)('a capture (%s) that a replica has under way', (form) => {
  it('stays its own as long as it lives', async () => {
    const { one, two, results, pass, finish, intake, timers } = await underWay(form);
    const asked = two.captures.inspect(aCapture('c-1', 'x'));
    await pass(30);
    for (let i = 0; i < 3; i++) await two.captures.runners.turn();
    expect(two.runs).toHaveLength(0);
    await finish();
    expect(await asked).toMatchObject({ replayed: true });
    expect(results.size).toBe(1);
    await pass(1);
    if (form === 'async') expect((await intake.get('c-1'))?.entry.state).toBe('COMPLETED');
    for (const { captures } of [one, two]) await captures.runners.stop(new Error('over'));
    // No renewal outlives its run.
    expect(timers.size).toBe(0);
  });

  it('is taken over six seconds after its death, under the same id', async () => {
    const { one, two, pass, dies, finish } = await underWay(form);
    await pass(3);
    dies();
    await pass(4);
    await two.captures.runners.turn();
    expect(two.runs).toHaveLength(0);
    const asked = two.captures.inspect(aCapture('c-1', 'x'));
    await pass(2);
    for (let i = 0; i < 3; i++) await two.captures.runners.turn();
    await asked;
    expect(two.runs.map(({ inspectionId }) => inspectionId)).toEqual([one.runs[0]?.inspectionId]);
    await finish();
    for (const { captures } of [one, two]) await captures.runners.stop(new Error('over'));
  });
});

it('a run that hung for longer than its lease takes nothing back from who took it over, and is recorded once', async () => {
  const { one, two, results, pass, dies, wakes, finish, intake } = await underWay('async');
  dies();
  await pass(6);
  const end = latch<Inspection>();
  two.script.push(() => end.promise);
  const runners = two.captures.runners;
  await runners.start();
  while (two.runs.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  wakes();
  await pass(3);
  const held = async () => (await intake.get('c-1'))?.entry;
  expect(await held()).toMatchObject({ state: 'RUNNING', attempts: 2, lease: { owner: 'two' } });
  await finish();
  await one.captures.runners.stop(new Error('over'));
  expect(await held()).toMatchObject({ state: 'RUNNING', lease: { owner: 'two' } });
  const [run] = two.runs;
  if (run !== undefined) end.open(recorded(run, results));
  await runners.stop(new Error('over'));
  expect(await held()).toMatchObject({ state: 'COMPLETED', revision: 1, lease: null });
  expect(results.size).toBe(1);
});

it('a lease is not that of another process, nor of another run of the same one', async () => {
  const { one, intake, finish } = await underWay('async');
  const entry = (await intake.get('c-1'))?.entry as IntakeEntry;
  expect(isUnderLease({ ...entry, lease: { owner: 'one', untilMs: 0 } }, entry)).toBe(true);
  expect(isUnderLease({ ...entry, attempts: entry.attempts + 1 }, entry)).toBe(false);
  expect(isUnderLease({ ...entry, lease: { owner: 'two', untilMs: 0 } }, entry)).toBe(false);
  await finish();
  await one.captures.runners.stop(new Error('over'));
});

it('a claim that was renewed is withdrawn with its refusal', async () => {
  const { one, two, pass, intake } = openReplicas();
  const end = latch<Inspection>();
  one.script.push(() => end.promise);
  const refused = one.captures.inspect(aCapture('c-1', 'x'));
  while (one.runs.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await pass(3);
  end.fail(new ServiceError('PART_CORRUPT', { detail: 'no picture' }));
  await expect(refused).rejects.toMatchObject({ code: 'PART_CORRUPT' });
  expect(await intake.get('c-1')).toBeUndefined();
  for (const { captures } of [one, two]) await captures.runners.stop(new Error('over'));
});
