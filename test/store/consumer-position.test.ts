// The position of a consumer against its definition, for any order of acks and any gaps in the feed.
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  assertKeepable,
  entriesToSettle,
  MAX_AHEAD,
  NEW_CONSUMER,
  settle,
  withAcks,
} from '../../src/store/consumer-position.js';

it('is the longest acked stretch, and the lag is 0 exactly where all is acked', () => {
  const sequences = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 60 });
  fc.assert(
    fc.property(sequences, sequences, fc.integer({ min: 1, max: 7 }), (entries, acks, batch) => {
      const feed = entries.toSorted((a, b) => a - b);
      let state = NEW_CONSUMER;
      for (let i = 0; i < acks.length; i += batch) {
        state = withAcks(state, acks.slice(i, i + batch), '');
        const { position } = state;
        const following = feed.filter((sequence) => sequence > position);
        state = settle(state, following.slice(0, entriesToSettle(state)));
      }
      const acked = new Set(acks);
      const owed = feed.filter((sequence) => !acked.has(sequence));
      const firstOwed = owed[0] ?? Number.POSITIVE_INFINITY;
      const settled = feed.filter((sequence) => sequence < firstOwed);
      const later = feed.filter((sequence) => sequence > state.position);
      expect(later[0]).toBe(owed[0]);
      expect(state.position).toBe(settled.at(-1) ?? 0);
      expect(later.length - state.ahead.length === 0).toBe(owed.length === 0);
    }),
  );
});

it('remembers ten thousand acks beyond a gap, no more', () => {
  const ahead = Array.from({ length: MAX_AHEAD }, (_, i) => i + 2);
  assertKeepable('mes', withAcks(NEW_CONSUMER, ahead, ''));
  const tooFar = withAcks(NEW_CONSUMER, [...ahead, MAX_AHEAD + 2], '');
  expect(() => assertKeepable('mes', tooFar)).toThrow(/Consumer "mes" would have more than 10000/);
});
