// How large one scrape becomes where every label takes every value it can.
import { describe, expect, it } from '@jest/globals';
import { fullMetrics } from '../../bench/scrape/full-metrics.js';
import { MAX_NAMES } from '../../src/metrics/bounded-labels.js';

const MIB = 1024 * 1024;

describe('the size of a scrape', () => {
  it('stays below 1 MB with fifty lines, all branches, verdicts, modalities, reasons and statuses', async () => {
    const bytes = Buffer.byteLength(await fullMetrics(MAX_NAMES).scrape());
    expect(bytes).toBeGreaterThan(MIB / 4);
    expect(bytes).toBeLessThan(MIB);
  });

  it('does not grow with lines beyond the bound', async () => {
    const lines = async (count: number) => (await fullMetrics(count).scrape()).split('\n').length;
    expect(await lines(MAX_NAMES + 10)).toBe(await lines(MAX_NAMES + 1));
  });
});
