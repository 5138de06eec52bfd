// A short soak as a process of its own: what it prints, and how it ends.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { fixturesDir } from '../support/tiny-bundle.js';
import { HELP, parseSoakOptions } from './options.js';

const SOAK = fileURLToPath(new URL('./soak.js', import.meta.url));
const SOAK_WITHIN_MS = 150_000;

function soak(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const options = { timeout: SOAK_WITHIN_MS };
    execFile(process.execPath, [SOAK, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

describe('the soak', () => {
  it(
    'mixes up and loses nothing while threads crash and the service is killed',
    async () => {
      const tiny = ['--models', fixturesDir, '--model', 'tiny@1', '--captures', '300', '--loads', '16'];
      const { code, output } = await soak(...tiny, '--kill-every', '0.3');
      expect(output).toMatch(/^identity: 2\d captures known by their score, of 26 mixtures$/m);
      expect(output).toMatch(/^identity: 300 captures: .*answered \d\d/m);
      expect(output).toMatch(/^identity: [1-9]\d* threads crashed, [1-9]\d* services killed$/m);
      expect(output).toMatch(/^leak, captures: .* KiB a capture/m);
      expect(output).toMatch(/^leak, loads: .* KiB a load/m);
      expect(output).not.toContain('FAULT');
      expect(output).toMatch(/All is well\.\n$/);
      expect(code).toBe(0);
    },
    SOAK_WITHIN_MS,
  );

  it('runs the legs that are asked for', async () => {
    const { code, output } = await soak(
      '--models',
      fixturesDir,
      '--model',
      'tiny@1',
      '--only',
      'loads',
      '--loads',
      '2',
    );
    expect(output).toMatch(/^leak, loads: not measured: too few looks/);
    expect(output).toMatch(/All is well\.\n$/);
    expect(output).not.toContain('captures');
    expect(code).toBe(0);
  });

  it.each([
    [['--model', 'tiny'], '--model tiny: it must be name@version, such as demo-part@3.'],
    [['--only', 'identity,leak'], '--only leak: it must be of identity, captures, loads.'],
  ])('says in one line what is wrong with %j', async (args, why) => {
    const { code, output } = await soak(...args);
    expect(output).toContain(`soak: ${why}`);
    expect(code).toBe(2);
  });

  it('teaches', () => {
    expect(parseSoakOptions(['--help'])).toBe('help');
    for (const option of [
      '--only',
      '--captures',
      '--loads',
      '--clients',
      '--kill-every',
      '--seed',
      '--models',
      '--model',
    ])
      expect(HELP).toContain(option);
  });
});
