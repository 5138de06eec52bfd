// The simulated line as a user runs it: a short shift on the tiny bundle, and a command line that is wrong.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keyFileOf } from '../../security/keys.js';
import { captureForm } from '../../support/client.js';
import { startService } from '../../support/service.js';
import { fixturesDir, goldenCapture } from '../../support/tiny-bundle.js';

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
  it('balances a shift of a minute on either store, with a kill in it, and a Redis that is away', async () => {
    const shift = ['--stations', '3', '--takt', '200', '--seconds', '60', '--duplicate', '0.2', '--kill'];
    const [embedded, redis] = await Promise.all([
      run('--bundle', bundle, ...shift),
      run('--bundle', bundle, ...shift, '--store', 'redis', '--redis-outage'),
    ]);
    for (const { code, output } of [embedded, redis]) {
      expect(output).toContain('The service was killed (-9)');
      expect(output).toMatch(/^all +900 +900 +0 +900 +900$/m);
      expect(output).toContain('The books balance: nothing lost, nothing twice.');
      expect(code).toBe(0);
    }
    expect(redis.output).toContain('Redis was stopped, and was back after');
    expect((await readdir(folder)).filter((name) => name.startsWith('branchline-'))).toEqual([]);
  }, 300_000);

  it('joins a service that runs already, and counts its own parts alone', async () => {
    const keys = await keyFileOf([{ id: 'line', scopes: ['ingest', 'read', 'admin'] }]);
    const service = await startService({ API_KEYS_FILE: keys.path });
    try {
      const secret = join(folder, 'secret');
      await writeFile(secret, `${keys.secrets.line}\n`);
      const another = async () => {
        const body = captureForm((await goldenCapture(0)).parts, {});
        await fetch(`${service.url}/v1/inspections`, { method: 'POST', headers: keys.as('line'), body });
      };
      await another();
      const target = ['--target', service.url, '--key-file', secret];
      const shift = ['--stations', '2', '--takt', '200', '--seconds', '3'];
      for (const _shift of ['first', 'second']) {
        const [{ code, output }] = await Promise.all([
          run('--bundle', bundle, ...shift, ...target),
          another(),
        ]);
        expect(output).toMatch(/^all +30 +30 +0 +30 +30$/m);
        expect(output).toContain('The books balance');
        expect(code).toBe(0);
      }
      const refused = await run('--bundle', bundle, ...shift, '--target', service.url);
      expect(refused.output).toContain('line: PUT /v1/recipes/simulated-line was refused: 401');
      expect(refused.code).toBe(1);
    } finally {
      await service.close();
      await keys.remove();
    }
  }, 60_000);

  it.each([
    [['--help'], 0, 'npm run line -- --kill'],
    [['--redis-outage'], 2, 'line: --redis-outage: there is a Redis with --store redis only.'],
    [['--bundle', 'nowhere/tiny/1'], 1, 'line: '],
    [['--target', 'http://a', '--kill'], 2, "line: --kill: it is for a service of the simulation's own"],
    [['--target', 'a:b'], 2, 'line: --target a:b: it must be an address such as'],
    [['--key-file', 'a'], 2, 'line: --key-file: the simulation asks no keys'],
  ])('with %j ends with %d and says why', async (args, expected, words) => {
    const { code, output } = await run(...args);
    expect(output).toContain(words);
    expect(code).toBe(expected);
  });
});
