// The ratios of a line's counters, and what is said where there is nothing to divide by.
import { expect, it } from '@jest/globals';
import { NO_COUNTS, ratiosOf } from '../../src/store/line-counts.js';

it('divides by what people have judged, and by first attempts', () => {
  const counts = { ...NO_COUNTS, inspected: 1000, NG: 40, REVIEW: 10, parts: 900, firstPassOk: 810 };
  expect(ratiosOf({ ...counts, falseCalls: 3, confirmedCalls: 9, misses: 1 })).toEqual({
    falseCallRatio: 3 / 12,
    missRatio: 1 / 10,
    firstPassYield: 0.9,
  });
});

it('says null where nothing was judged and no part has a name', () => {
  expect(ratiosOf(NO_COUNTS)).toEqual({ falseCallRatio: null, missRatio: null, firstPassYield: null });
});
