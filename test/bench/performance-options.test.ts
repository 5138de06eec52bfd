// The command line of the bench: defaults, and one line for each mistake.
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CONTENDERS } from '../../bench/contenders/contender.js';
import { HELP, parseBenchOptions } from '../../bench/performance/options.js';

describe('the command line of the bench', () => {
  it('measures everything, and writes the page of the documentation', () => {
    expect(parseBenchOptions([], 'cpu')).toEqual({
      quick: false,
      rounds: 3,
      seconds: 5,
      warmUpSeconds: 60,
      only: CONTENDERS,
      python: undefined,
      trainer: undefined,
      out: join('docs', 'performance.md'),
    });
  });

  it.each([[['--quick']], [['--only', 'mosec, branchline']]])('keeps %j out of the documentation', (args) => {
    const options = parseBenchOptions(args, 'cpu');
    expect(options).toMatchObject({ out: join('var', 'bench', 'performance.md') });
  });

  it('gives each GPU provider a page of its own', () => {
    expect(parseBenchOptions([], 'cuda')).toMatchObject({ out: join('docs', 'performance-cuda.md') });
    expect(parseBenchOptions(['--quick'], 'cuda')).toMatchObject({
      out: join('var', 'bench', 'performance-cuda.md'),
    });
  });

  it('takes contenders in their own order, and what is said over what --quick means', () => {
    const options = parseBenchOptions(['--quick', '--rounds', '2', '--only', 'mosec, branchline'], 'cpu');
    expect(options).toMatchObject({ rounds: 2, seconds: 1, warmUpSeconds: 1, only: ['branchline', 'mosec'] });
  });

  it.each([
    [['--only', 'triton'], '--only triton: it must be of branchline, mosec'],
    [['--rounds', '0'], '--rounds 0: it must be a number from 1 to 100.'],
    [['--seconds', 'x'], '--seconds x'],
    [['--warm-up', '601'], '--warm-up 601'],
    [['--slowly'], '--slowly'],
  ])('%j is a mistake', (args, words) => {
    expect(() => parseBenchOptions(args, 'cpu')).toThrow(words);
  });

  it('teaches', () => {
    expect(parseBenchOptions(['--help'], 'cpu')).toBe('help');
    for (const option of [
      '--quick',
      '--rounds',
      '--seconds',
      '--warm-up',
      '--only',
      '--python',
      '--trainer',
      '--out',
    ])
      expect(HELP).toContain(option);
  });
});
