// Which sensors are found dead or frozen, and which are not.
import { describe, expect, it } from '@jest/globals';
import { fingerprintOf } from '../../src/drift/fingerprint.js';
import type { Inspection } from '../../src/inspection.js';
import { type Watched, watch } from './support.js';

const states = ({ drift }: Watched) =>
  Object.fromEntries(drift.report().sensors.map(({ modality, state }) => [modality, state]));

const missing = (...names: string[]): Partial<Inspection> => ({
  modalities: { used: ['rgb'], missing: names, dropped: [], unused: [] },
});

/** Both sensors work: no two pictures are alike. */
function work(watched: Watched, captures: number, changes: Partial<Inspection> = {}): void {
  for (let i = 0; i < captures; i++) watched.see(changes, { rgb: fresh(), depth: fresh() });
}
/** Depth is away. */
function workWithout(watched: Watched, captures: number, changes: Partial<Inspection> = {}): void {
  for (let i = 0; i < captures; i++) watched.see({ ...missing('depth'), ...changes }, { rgb: fresh() });
}
let pictures = 0;
const fresh = () => `picture ${++pictures}`;

describe('a sensor is dead', () => {
  it('once it has not come for as many captures as were said, and alive when it comes again', () => {
    const watched = watch();
    work(watched, 3);
    workWithout(watched, 19);
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
    workWithout(watched, 1);
    expect(states(watched)).toEqual({ depth: 'dead', rgb: 'alive' });
    expect(watched.drift.report().sensors[0]).toEqual({
      lineId: 'line-1',
      stationId: null,
      recipe: null,
      modality: 'depth',
      state: 'dead',
      missedCaptures: 20,
      sameCaptures: 1,
      lastSeenAt: '2026-11-26T06:00:00.000Z',
    });
    work(watched, 1);
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
  });

  it('on a slow line after half an hour and three captures', () => {
    const watched = watch();
    work(watched, 3);
    for (let capture = 0; capture < 2; capture++) {
      watched.later(20);
      workWithout(watched, 1);
    }
    expect(states(watched)).toMatchObject({ depth: 'alive' });
    watched.later(1);
    workWithout(watched, 1);
    expect(states(watched)).toMatchObject({ depth: 'dead' });
  });

  it('not where the whole line stands still', () => {
    const watched = watch();
    work(watched, 3);
    watched.later(600);
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
  });

  it('not where it never came, or came for a trial', () => {
    const watched = watch();
    work(watched, 2);
    for (let i = 0; i < 50; i++) watched.see(missing('depth', 'acoustic'), { rgb: fresh() });
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
  });

  it('not where another recipe or another station does without it', () => {
    const watched = watch();
    work(watched, 3, { recipe: 'with' });
    workWithout(watched, 50, { recipe: 'without' });
    work(watched, 3, { stationId: 'both' });
    workWithout(watched, 50, { stationId: 'one' });
    expect(watched.drift.report().sensors.filter(({ state }) => state === 'dead')).toEqual([]);
  });

  it('not where what it sends cannot be used: it sends', () => {
    const watched = watch();
    work(watched, 3);
    const dropped = [{ name: 'depth', reason: 'no_valid_pixels', detail: '' }];
    for (let i = 0; i < 50; i++)
      watched.see({ modalities: { used: ['rgb'], missing: [], dropped, unused: [] } }, { rgb: fresh() });
    expect(watched.drift.report().sensors[0]).toMatchObject({ state: 'alive', sameCaptures: 0 });
  });

  it('until it is forgotten: it was taken away', () => {
    const watched = watch();
    work(watched, 3);
    watched.later(24 * 60 - 1);
    workWithout(watched, 20);
    expect(states(watched)).toMatchObject({ depth: 'dead' });
    watched.later(2);
    expect(states(watched)).toEqual({ rgb: 'alive' });
  });
});

describe('a sensor is frozen', () => {
  it('once as many captures as were said carried the same signal, and alive at the next other one', () => {
    const watched = watch();
    for (let i = 0; i < 4; i++) watched.see({}, { rgb: 'still', depth: fresh() });
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
    watched.see({}, { rgb: 'still', depth: fresh() });
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'frozen' });
    expect(watched.drift.report({ lineId: 'line-1' }).sensors[1]).toMatchObject({ sameCaptures: 5 });
    watched.see({}, { rgb: fresh(), depth: fresh() });
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
  });

  it('also where another station of the line sends other pictures in between', () => {
    const watched = watch();
    for (let i = 0; i < 5; i++) {
      watched.see({ stationId: 'a' }, { rgb: 'still' });
      watched.see({ stationId: 'b' }, { rgb: fresh() });
    }
    expect(watched.drift.report().sensors.map(({ stationId, state }) => [stationId, state])).toEqual([
      ['a', 'frozen'],
      ['b', 'alive'],
    ]);
  });

  it('not by revisions, which judge the same signals again, though what came late counts', () => {
    const watched = watch();
    work(watched, 3);
    const previous = { revision: 1, verdict: 'OK' as const, score: 0.4, branch: 'rgb' };
    for (let i = 0; i < 25; i++) {
      const [captureId, rgb] = [`pieces-${i}`, fresh()];
      watched.see({ captureId, ...missing('depth') }, { rgb });
      for (let revision = 2; revision < 9; revision++)
        watched.see({ captureId, revision, previous }, { rgb, depth: fresh() });
    }
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
    const revised = { captureId: 'pieces-24', previous, ...missing('depth') };
    for (let i = 0; i < 50; i++) watched.see(revised, {});
    expect(states(watched)).toEqual({ depth: 'alive', rgb: 'alive' });
  });
});

describe('the fingerprint', () => {
  it('tells a large picture from one with a little noise, and not from its copy', () => {
    const still = new Uint8Array(1920 * 1200).fill(90);
    const noisy = still.map((value, i) => value + ((i * 7919) % 3));
    expect(fingerprintOf(noisy)).not.toBe(fingerprintOf(still));
    expect(fingerprintOf(noisy.slice())).toBe(fingerprintOf(noisy));
  });

  it('looks at every byte of a small signal, and only at its own of a larger buffer', () => {
    const bytes = Uint8Array.from({ length: 4000 }, (_, i) => i % 251);
    const changed = bytes.slice();
    changed[1234] = 0xff;
    expect(fingerprintOf(changed)).not.toBe(fingerprintOf(bytes));
    const around = new Uint8Array(5000);
    around.set(bytes, 7);
    expect(fingerprintOf(around.subarray(7, 4007))).toBe(fingerprintOf(bytes));
  });

  it('looks at every channel of a colour picture, and every byte of a float', () => {
    for (const channels of [3, 4])
      for (let channel = 0; channel < channels; channel++) {
        const picture = new Uint8Array(256 * 256 * channels);
        const other = picture.map((_, i) => (i % channels === channel ? 1 : 0));
        expect(fingerprintOf(other)).not.toBe(fingerprintOf(picture));
      }
  });
});
