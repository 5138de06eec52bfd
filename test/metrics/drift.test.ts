// How a report of drift becomes gauges: recipes and stations joined, lines bounded, what is over forgotten.
import { describe, expect, it } from '@jest/globals';
import type { DriftReport } from '../../src/drift/drift.js';
import { createMetrics } from '../../src/metrics/metrics.js';

type Line = DriftReport['lines'][number];
type Sensor = DriftReport['sensors'][number];

function line(changes: Partial<Line>, ...branches: Partial<Line['branches'][number]>[]): Line {
  return {
    lineId: 'line-1',
    recipe: null,
    model: 'tiny@1',
    captures: 10,
    notDecidable: 0,
    oldest: '',
    newest: '',
    ...changes,
    branches: branches.map((branch) => ({
      branch: 'rgb',
      share: 1,
      scores: 10,
      calibrationParts: 10,
      state: 'stable',
      psi: 0.05,
      limit: 0.25,
      bins: [],
      ...branch,
    })),
  };
}
const sensor = (changes: Partial<Sensor>): Sensor => ({
  lineId: 'line-1',
  stationId: null,
  recipe: null,
  modality: 'rgb',
  state: 'alive',
  missedCaptures: 0,
  sameCaptures: 1,
  lastSeenAt: '',
  ...changes,
});

async function shown(report: Partial<DriftReport>, metrics = createMetrics()): Promise<string[]> {
  metrics.drifted({ since: '', lines: [], sensors: [], ...report });
  const text = await metrics.scrape();
  return text.split('\n').filter((row) => /^branchline_(drift|branch_share|sensor)/.test(row));
}

describe('drift in the metrics', () => {
  it('is, of several recipes, the highest index, the number shifted, and the share of all captures', async () => {
    const lines = [
      line({ recipe: 'a', captures: 30 }, { psi: 0.1, state: 'moderate' }),
      line({ recipe: 'b', captures: 10, notDecidable: 5 }, { psi: 0.7, share: 0.5, state: 'shifted' }),
    ];
    expect(await shown({ lines })).toEqual([
      'branchline_branch_share{line="line-1",branch=""} 0.125',
      'branchline_branch_share{line="line-1",branch="rgb"} 0.875',
      'branchline_drift_psi{line="line-1",branch="rgb"} 0.7',
      'branchline_drift_shifted{line="line-1"} 1',
    ]);
  });

  it('counts the sensors of a line that are dead or frozen, and says 0 of those that are well', async () => {
    const sensors = [
      sensor({ stationId: 'a', state: 'frozen' }),
      sensor({ stationId: 'b', state: 'frozen' }),
      sensor({ stationId: 'b', modality: 'depth', state: 'dead' }),
    ];
    expect(await shown({ sensors })).toEqual([
      'branchline_sensor_faults{line="line-1",modality="rgb",fault="dead"} 0',
      'branchline_sensor_faults{line="line-1",modality="rgb",fault="frozen"} 2',
      'branchline_sensor_faults{line="line-1",modality="depth",fault="dead"} 1',
      'branchline_sensor_faults{line="line-1",modality="depth",fault="frozen"} 0',
    ]);
  });

  it('shows no index where there are too few scores', async () => {
    const lines = [line({}, { psi: null, limit: null, state: 'too_few' })];
    expect((await shown({ lines })).filter((row) => row.includes('psi'))).toEqual([]);
  });

  it('forgets what has left the window', async () => {
    const metrics = createMetrics();
    await shown({ lines: [line({}, {})], sensors: [sensor({ state: 'dead' })] }, metrics);
    expect(await shown({}, metrics)).toEqual([]);
  });

  it('joins lines beyond the bound, by the worst of them', async () => {
    const metrics = createMetrics({ lines: ['line-1'] });
    const lines = [
      line({ lineId: 'x' }, { psi: 0.2 }),
      line({ lineId: 'y' }, { psi: 0.4, state: 'shifted' }),
      line({ lineId: null }, { psi: 0.3, state: 'shifted' }),
    ];
    const rows = await shown({ lines }, metrics);
    expect(rows).toContain('branchline_drift_psi{line="other",branch="rgb"} 0.4');
    expect(rows).toContain('branchline_drift_shifted{line="other"} 2');
    expect(rows).toHaveLength(4);
  });
});
