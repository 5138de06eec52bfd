import { expect, it } from '@jest/globals';
import { Patience } from '../../src/schedule/patience.js';

it('remembers the shortest time for one minute at least, and two at most', () => {
  const patience = new Patience();
  expect(patience.shortestMs(0)).toBe(Number.POSITIVE_INFINITY);
  patience.observe(500, 0);
  patience.observe(80, 1000);
  patience.observe(300, 2000);
  expect(patience.shortestMs(2000)).toBe(80);
  patience.observe(200, 61_000);
  expect(patience.shortestMs(61_000)).toBe(80);
  expect(patience.shortestMs(119_000)).toBe(80);
  expect(patience.shortestMs(121_500)).toBe(200);
});

it('remembers nothing of long ago, also where nothing came since', () => {
  const patience = new Patience();
  patience.observe(80, 0);
  expect(patience.shortestMs(59_000)).toBe(80);
  expect(patience.shortestMs(500_000)).toBe(Number.POSITIVE_INFINITY);
});
