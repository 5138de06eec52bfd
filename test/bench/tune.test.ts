// What `npm run tune` tries, what it takes, and the file it leaves.
import { describe, expect, it } from '@jest/globals';
import { HELP, parseTuneOptions } from '../../bench/tune/options.js';
import { best, environmentFile, settingsFor } from '../../bench/tune/settings.js';

const setting = (workers: number, intraOpThreads: number, maxBatch = 1) => ({
  workers,
  intraOpThreads,
  maxBatch,
});

describe('the settings that are tried', () => {
  it.each([
    [1, [[1, 1]]],
    [
      2,
      [
        [2, 1],
        [1, 1],
        [2, 2],
        [1, 2],
      ],
    ],
    [
      6,
      [
        [6, 1],
        [1, 1],
        [6, 2],
        [3, 2],
        [1, 2],
        [6, 4],
        [1, 4],
      ],
    ],
  ])('go up to as many workers and threads as there are cores, %i', (cores, expected) => {
    const tried = settingsFor(cores, 'cpu');
    expect(tried.map(({ workers, intraOpThreads }) => [workers, intraOpThreads])).toEqual(expected);
  });

  it('are batches on a GPU, and never two workers of WebGPU', () => {
    expect(settingsFor(8, 'cuda').map(({ workers, maxBatch }) => [workers, maxBatch])).toEqual([
      [2, 1],
      [2, 4],
      [2, 16],
      [1, 1],
      [1, 4],
      [1, 16],
    ]);
    expect(settingsFor(8, 'webgpu').map(({ workers }) => workers)).toEqual([1, 1, 1]);
  });
});

describe('the one that is taken', () => {
  it('answers the most captures', () => {
    const measured = [
      { ...setting(2, 1), capturesPerSecond: 100, p50Ms: 20 },
      { ...setting(1, 2), capturesPerSecond: 80, p50Ms: 12 },
    ];
    expect(best(measured)).toBe(measured[0]);
  });

  it('answers one client sooner, where two are as good as even', () => {
    const measured = [
      { ...setting(2, 1), capturesPerSecond: 100, p50Ms: 20 },
      { ...setting(1, 2), capturesPerSecond: 98, p50Ms: 12 },
    ];
    expect(best(measured)).toBe(measured[1]);
  });
});

it('writes an environment file that says what it was measured on', () => {
  expect(environmentFile(setting(2, 1, 4), ['bracket@2 on a machine'])).toBe(
    '# bracket@2 on a machine\nWORKERS=2\nINTRA_OP_THREADS=1\nMAX_BATCH=4\n',
  );
});

it('has a command line that teaches', () => {
  expect(parseTuneOptions([])).toMatchObject({ bundle: 'models/demo-part/3', data: undefined, seconds: 5 });
  expect(() => parseTuneOptions(['--seconds', 'x'])).toThrow('--seconds x');
  for (const option of ['--bundle', '--data', '--seconds', '--out']) expect(HELP).toContain(option);
});
