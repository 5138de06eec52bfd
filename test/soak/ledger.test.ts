// The soak's own accounts: each kind of mix-up and loss, made by hand, is found.
import { describe, expect, it } from '@jest/globals';
import { type AnsweredInspection, Ledger, type Outcome } from './ledger.js';

const dent = { name: 'rgb 0', branch: 'rgb', score: 0.25 };
const scratch = { name: 'rgb 1', branch: 'rgb', score: 0.75 };

function aLedger(): Ledger {
  const ledger = new Ledger();
  ledger.sent('a', dent);
  ledger.sent('b', scratch);
  return ledger;
}

const inspection = (captureId: string, score: number, change: Partial<AnsweredInspection> = {}) => ({
  inspectionId: `id-of-${captureId}`,
  captureId,
  branch: 'rgb',
  score,
  stored: true,
  ...change,
});
const answered = (captureId: string, score: number, change: Partial<AnsweredInspection> = {}): Outcome => ({
  kind: 'answered',
  inspection: inspection(captureId, score, change),
});

describe('the ledger', () => {
  it('is content with right answers, told errors and hung up stations', () => {
    const ledger = aLedger();
    ledger.came('a', answered('a', 0.25000001));
    ledger.came('b', { kind: 'refused', status: 503, code: 'WORKER_LOST' });
    ledger.sent('c', dent);
    ledger.came('c', { kind: 'aborted' });
    ledger.sent('d', dent);
    ledger.came('d', { kind: 'connection-error', code: 'ECONNRESET', whileDown: true });
    ledger.checkFeed([inspection('judged-alone', 0.1), inspection('a', 0.25), inspection('c', 0.25)]);
    expect(ledger.faults).toEqual([]);
    expect(Object.fromEntries(ledger.counts)).toEqual({
      answered: 1,
      'refused WORKER_LOST': 1,
      aborted: 1,
      'connection-error': 1,
    });
  });

  it.each<[string, Outcome, string]>([
    ["another capture's id", answered('b', 0.25), 'a: mix-up, got the answer of b'],
    ["another capture's score", answered('a', 0.75), 'a: mix-up, rgb 0.75 instead of rgb 0.25'],
    ['another branch', answered('a', 0.25, { branch: 'depth+rgb' }), 'a: mix-up, depth+rgb 0.25'],
    ['no score', answered('a', 0, { score: null }), 'a: mix-up, rgb null'],
    ['a wrong error', { kind: 'refused', status: 500, code: 'INTERNAL' }, 'refused with 500 INTERNAL'],
    [
      'a blame of its own',
      { kind: 'refused', status: 422, code: 'PART_CORRUPT' },
      'refused with 422 PART_CORRUPT',
    ],
    ['nothing', { kind: 'no-answer' }, 'lost, neither answer nor error'],
    [
      'a cut connection while the service was up',
      { kind: 'connection-error', code: 'ECONNRESET', whileDown: false },
      'lost, ECONNRESET while the service was up',
    ],
  ])('finds %s', (_what, outcome, words) => {
    const ledger = aLedger();
    ledger.came('a', outcome);
    expect(ledger.faults).toHaveLength(1);
    expect(ledger.faults[0]).toContain(words);
  });

  it('finds what was answered as stored and is not in the feed', () => {
    const ledger = aLedger();
    ledger.came('a', answered('a', 0.25));
    ledger.came('b', answered('b', 0.75, { stored: false }));
    ledger.checkFeed([]);
    expect(ledger.faults).toEqual(['a: answered as stored, but not in the feed']);
  });

  it('finds a record that is there twice, and one that holds another capture', () => {
    const ledger = aLedger();
    ledger.came('a', answered('a', 0.25));
    ledger.checkFeed([inspection('a', 0.25), inspection('a', 0.25), inspection('b', 0.25)]);
    expect(ledger.faults).toEqual(['a: in the feed twice', 'b: stored as rgb 0.25, not as rgb 0.75']);
  });
});
