// Ids are made of bytes that nobody else gets, also where they are fetched many at a time.
import { expect, it } from '@jest/globals';
import { randomIdBytes } from '../src/random-bytes.js';

it('gives no bytes twice, and changes none that were given', () => {
  const given = Array.from({ length: 2000 }, (_, i) => randomIdBytes(i % 2 === 0 ? 16 : 8));
  const before = given.map((bytes) => bytes.toString('hex'));
  expect(new Set(before).size).toBe(given.length);
  expect(before.map((hex) => hex.length)).toEqual(given.map((_, i) => (i % 2 === 0 ? 32 : 16)));
  for (let i = 0; i < 1000; i++) randomIdBytes(16);
  expect(given.map((bytes) => bytes.toString('hex'))).toEqual(before);
});
