// The balance finds what was lost, doubled or mixed up, and names the part.
import { describe, expect, it } from '@jest/globals';
import { type Books, balance, balanceReport, type Entry } from '../../../bench/line/balance.js';
import { parseLineOptions } from '../../../bench/line/options.js';
import { Parts } from '../../../bench/line/parts.js';

const entry = (captureId: string, changes: Partial<Entry> = {}): Entry => ({
  captureId,
  inspectionId: `i-${captureId}`,
  revision: 1,
  state: 'COMPLETED',
  ...changes,
});
const made = (captureId: string, changes = {}) => ({
  captureId,
  stationId: 'station-1',
  inspectionId: `i-${captureId}`,
  fault: undefined,
  ...changes,
});

function books(changes: Partial<Books> = {}): Books {
  const all = [entry('a'), entry('b')];
  return { made: [made('a'), made('b')], inspected: all, polled: all, acked: all, lag: 0, ...changes };
}

describe('balance', () => {
  it('holds where every part was made, inspected, polled and acked once', () => {
    const held = balance(books());
    expect(held.differences).toEqual([]);
    expect(held.rows).toEqual([
      { station: 'station-1', made: 2, inspected: 2, failed: 0, polled: 2, acked: 2 },
    ]);
    expect(balanceReport(held)).toContain('The books balance');
  });

  it('counts a part that was set aside as made and polled, and apart from those inspected', () => {
    const all = [entry('a'), entry('b', { state: 'FAILED' })];
    const held = balance(books({ inspected: all, polled: all, acked: all }));
    expect(held.differences).toEqual([]);
    const row = { station: 'station-1', made: 2, inspected: 1, failed: 1, polled: 2, acked: 2 };
    expect(held.rows).toEqual([row]);
    const shown = balanceReport({ ...held, rows: [row, { ...row, station: 'station-2', failed: 3 }] });
    expect(shown).toMatch(/^station +made +inspected +failed +polled +acked$/m);
    expect(shown).toMatch(/^station-1 +2 +1 +1 +2 +2$/m);
    expect(shown).toMatch(/^all +4 +2 +4 +4 +4$/m);
  });

  it('takes a revision for the same part', () => {
    const revised = entry('b', { revision: 2 });
    const polled = [entry('a'), entry('b'), revised];
    const inspected = [entry('a'), revised];
    expect(balance(books({ inspected, polled, acked: polled })).differences).toEqual([]);
  });

  it.each<[string, Partial<Books>]>([
    ['b: made, and never inspected', { inspected: [entry('a')], polled: [entry('a')], acked: [entry('a')] }],
    ['b: inspected, and never polled', { polled: [entry('a')], acked: [entry('a')] }],
    ['b: revision 1 polled, and not acked', { acked: [entry('a')] }],
    ['a: revision 1 polled 2 times', { polled: [entry('a'), entry('b'), entry('a')] }],
    ['c: inspected, and never made', { made: [made('a'), made('b')], ...sameIn(['a', 'b', 'c']) }],
    [
      'b: inspected 2 times (i-b, again)',
      { ...sameEntries([entry('a'), entry('b'), entry('b', { inspectionId: 'again' })]) },
    ],
    ['b: answered as other, recorded as i-b', { made: [made('a'), made('b', { inspectionId: 'other' })] }],
    ['b: gave up after 60 s', { made: [made('a'), made('b', { fault: 'gave up after 60 s' })] }],
    ['b: revision 2 was never polled, only 1', { inspected: [entry('a'), entry('b', { revision: 2 })] }],
    [
      'x: polled as i-x, which the service does not hold',
      { polled: [entry('a'), entry('b'), entry('x')], acked: [entry('a'), entry('b'), entry('x')] },
    ],
    ['the service says that 1 inspections are not acked', { lag: 1 }],
  ])('names "%s"', (words, changes) => {
    const found = balance(books(changes));
    expect(found.differences).toEqual([words]);
    expect(balanceReport(found)).toContain(`1 differences:\n  ${words}`);
  });
});

function sameEntries(all: readonly Entry[]): Partial<Books> {
  return { inspected: all, polled: all, acked: all };
}
function sameIn(captureIds: readonly string[]): Partial<Books> {
  return sameEntries(captureIds.map((captureId) => entry(captureId)));
}

describe('parts', () => {
  const sample = new Map(['rgb', 'depth', 'acoustic'].map((name) => [name, new TextEncoder().encode(name)]));
  const other = new Map(
    ['rgb', 'depth', 'acoustic'].map((name) => [name, new TextEncoder().encode(`${name}2`)]),
  );
  const parts = (seed: number, changes = {}) => {
    const options = { ...parseLineOptions([]), seed, ...changes } as never;
    const source = new Parts(options, [sample, other], 1);
    return Array.from({ length: 1000 }, () => source.next());
  };
  const share = (count: number) => count / 1000;

  it('are the same with the same seed, and others with another', () => {
    expect(parts(1)).toEqual(parts(1));
    expect(parts(1)).not.toEqual(parts(2));
  });

  it('lack, lose and repeat as often as asked', () => {
    const made = parts(1, { missing: 0.4, late: 0, duplicate: 0.05 });
    expect(share(made.filter(({ modalities }) => modalities.size < 3).length)).toBeCloseTo(0.4, 1);
    expect(share(made.filter(({ twin }) => twin !== 'none').length)).toBeCloseTo(0.05, 1);
    expect(made.every(({ modalities }) => modalities.size > 0)).toBe(true);
    expect(made.some(({ frozen }) => frozen)).toBe(true);
    expect(new Set(made.map(({ captureId }) => captureId)).size).toBe(1000);
  });

  it('have late modalities that are not among those in time, and come in pieces', () => {
    const late = parts(1, { late: 1, missing: 0 }).filter((part) => part.late !== undefined);
    expect(late).toHaveLength(1000);
    for (const { late: one, modalities, form } of late) {
      expect(modalities.has(one?.name ?? '')).toBe(false);
      expect(modalities.size).toBe(2);
      expect(form).toBe('pieces');
    }
  });

  it('are whole and prompt where nothing fails', () => {
    const made = parts(1, { late: 0, missing: 0, duplicate: 0, forms: ['sync'] });
    expect(
      made.every(({ modalities, twin, form }) => modalities.size === 3 && twin === 'none' && form === 'sync'),
    ).toBe(true);
  });
});

describe('the command line', () => {
  it.each([
    [['--store', 'sqlite'], '--store sqlite: it must be lmdb or redis.'],
    [['--redis-outage'], '--redis-outage: there is a Redis with --store redis only.'],
    [['--missing', '2'], '--missing 2: it must be a number from 0 to 1.'],
    [['--stations', '0'], '--stations 0: it must be a number from 1 to 200.'],
    [['--forms', 'sync,fax'], '--forms sync,fax: "fax" is none of sync, async, pieces.'],
    [['--shift'], "Unknown option '--shift'"],
  ])('refuses %j', (args, words) => expect(() => parseLineOptions(args)).toThrow(words));

  it('knows that without pieces nothing comes late', () => {
    expect(parseLineOptions(['--forms', 'sync'])?.late).toBe(0);
    expect(parseLineOptions(['--help'])).toBeUndefined();
  });
});
