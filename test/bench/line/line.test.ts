// The simulated line as a user runs it: a short shift on the tiny bundle, and a command line that is wrong.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fixturesDir } from '../../support/tiny-bundle.js';

const PROGRAM = fileURLToPath(new URL('../../../bench/line.js', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../../../docs/examples/', import.meta.url));

let folder: string;
let bundle: string;

/** The tiny bundle, with two captures to send: examples of the documentation. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-line-test-'));
  bundle = join(folder, 'models', 'tiny', '1');
  await cp(join(fixturesDir, 'tiny', '1'), bundle, { recursive: true });
  await mkdir(join(bundle, 'samples'));
  const files = { rgb: 'rgb.png', depth: 'depth.png', acoustic: 'acoustic.wav' };
  for (const file of Object.values(files)) await cp(join(EXAMPLES, file), join(bundle, 'samples', file));
  const captures = [
    { id: '1', label: 'good', note: 'all', files },
    { id: '2', label: 'good', note: 'no sound', files: { rgb: files.rgb, depth: files.depth } },
  ];
  await writeFile(join(bundle, 'samples', 'samples.json'), JSON.stringify({ captures }));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function run(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, TMPDIR: folder };
    execFile(process.execPath, [PROGRAM, ...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

describe('npm run line', () => {
  it.each([
    ['lmdb', []],
    ['redis', ['--redis-outage']],
  ])(
    'balances a short shift on %s with a kill',
    async (store, more) => {
      const shift = ['--stations', '3', '--takt', '200', '--seconds', '20', '--duplicate', '0.2'];
      const { code, output } = await run('--bundle', bundle, ...shift, '--store', store, '--kill', ...more);
      expect(output).toContain('The service was killed (-9)');
      expect(output).toMatch(/^all +300 +300 +0 +300 +300$/m);
      expect(output).toContain('The books balance: nothing lost, nothing twice.');
      expect(code).toBe(0);
      expect((await readdir(folder)).filter((name) => name.startsWith('branchline-'))).toEqual([]);
    },
    300_000,
  );

  it.each([
    [['--help'], 0, 'npm run line -- --kill'],
    [['--redis-outage'], 2, 'line: --redis-outage: there is a Redis with --store redis only.'],
    [['--bundle', 'nowhere/tiny/1'], 1, 'line: '],
  ])('with %j ends with %d and says why', async (args, expected, words) => {
    const { code, output } = await run(...args);
    expect(output).toContain(words);
    expect(code).toBe(expected);
  });
});
