// The command line of evaluate: what is right, and one line for what is not.
import { expect, it } from '@jest/globals';
import { parseEvaluateOptions } from '../../bench/evaluate-options.js';

it('needs no more than the folder', () => {
  expect(parseEvaluateOptions(['--data', 'parts'])).toEqual({
    data: 'parts',
    bundle: 'models/demo-part/3',
    url: undefined,
    loss: { rate: 0, protocol: 'sample', seed: 1 },
    concurrency: 4,
    trainer: undefined,
    json: undefined,
  });
});

it('reads every option', () => {
  const line =
    '--data d --url http://h:1 --missing 0.4 --seed 7 --protocol bern --concurrency 2 --json o --trainer t';
  expect(parseEvaluateOptions(line.split(' '))).toMatchObject({
    url: 'http://h:1',
    loss: { rate: 0.4, protocol: 'bern', seed: 7 },
    concurrency: 2,
    json: 'o',
    trainer: 't',
  });
  expect(parseEvaluateOptions(['--help'])).toBe('help');
});

it.each([
  ['', '--data DIR is missing'],
  ['--data d --missing 40', '--missing 40: it must be a number from 0 to 1'],
  ['--data d --missing x', '--missing x: it must be a number'],
  ['--data d --seed 1.5', '--seed 1.5: it must be a whole number'],
  ['--data d --protocol all', '--protocol all: it must be sample, bern, one'],
  ['--data d --concurrency 0', '--concurrency 0'],
  ['--data d --url localhost:8080', "--url localhost:8080: it must be the service's address"],
  ['--data d --nonsense', '--nonsense'],
])('refuses "%s"', (line, message) => {
  expect(() => parseEvaluateOptions(line.split(' ').filter(Boolean))).toThrow(message);
});
