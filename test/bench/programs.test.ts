// The programs as a user runs them: the service they start, what they print, how they end.
import { execFile } from 'node:child_process';
import { access, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';

const TINY = fileURLToPath(new URL('../../../test/fixtures/tiny/1', import.meta.url));
const program = (name: string) => fileURLToPath(new URL(`../../bench/${name}.js`, import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-programs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly output: string;
}

function run(name: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program(name), ...args], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

/** A noisy 64 x 64 picture, as the tiny bundle takes them; the noise differs by `seed`. */
async function putPicture(path: string, seed: number): Promise<void> {
  const size = 64;
  const pixels = Uint8Array.from({ length: size * size * 3 }, (_, i) => 60 + ((i * (7919 + 2 * seed)) % 120));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    path,
    await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
      .png()
      .toBuffer(),
  );
}

describe('evaluate', () => {
  beforeEach(async () => {
    for (const [i, label] of ['good', 'good', 'dent'].entries())
      await putPicture(join(folder, 'test', label, 'rgb', `00${i}.png`), i);
  });

  /** A trainer that says the same of every bundle. */
  async function aTrainer(imageAuroc: number | null): Promise<string> {
    const path = join(folder, 'trainer');
    const answer = JSON.stringify(JSON.stringify({ imageAuroc, scores: [] }));
    const script = `#!${process.execPath}\nrequire('node:fs').writeFileSync(process.argv.at(-1), ${answer});`;
    await writeFile(path, script, { mode: 0o755 });
    return path;
  }
  const evaluate = async (imageAuroc: number | null, ...args: string[]) =>
    run('evaluate', '--data', folder, '--bundle', TINY, '--trainer', await aTrainer(imageAuroc), ...args);

  it('judges every capture over HTTP, and fails where the trainer says another figure', async () => {
    const { code, output } = await evaluate(0.123, '--json', 'out.json');
    expect(output).toContain('3 captures (2 good, 1 defective), every modality there is');
    expect(output).toMatch(/Image AUROC [01]\.\d{4} .*over the wire/);
    expect(output).toContain('THEY DO NOT AGREE');
    expect(code).toBe(1);
    const { captures, figures } = JSON.parse(await readFile(join(folder, 'out.json'), 'utf8'));
    expect(figures.scored).toBe(3);
    expect(captures.map(({ inspection }: { inspection: { branch: string } }) => inspection.branch)).toEqual([
      'rgb',
      'rgb',
      'rgb',
    ]);
  });

  it('ends well where both sides agree', async () => {
    await rm(join(folder, 'test', 'dent'), { recursive: true });
    expect((await evaluate(null)).code).toBe(0);
  });

  it.each([
    [['--bundle', 'nowhere/1'], 1, 'evaluate: --bundle: nowhere/1/manifest.json cannot be read'],
    [['--missing', '2'], 2, 'evaluate: --missing 2: it must be a number from 0 to 1.'],
    [['--help'], 0, 'npm run evaluate -- --data DIR'],
  ])('with %j ends with %d and says why', async (args, expected, words) => {
    const { code, output } = await evaluate(0.5, ...args);
    expect(output).toContain(words);
    expect(code).toBe(expected);
  });
});

describe('demo', () => {
  const samples = () => join(folder, 'models', 'demo-part', '3', 'samples');

  beforeEach(async () => {
    const bundle = dirname(samples());
    await cp(TINY, bundle, { recursive: true });
    const manifest = JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8'));
    await writeFile(
      join(bundle, 'manifest.json'),
      JSON.stringify({ ...manifest, name: 'demo-part', version: 3 }),
    );
    await putPicture(join(samples(), '001', 'rgb.png'), 1);
    await writeFile(join(samples(), '001', 'depth.png'), '');
    const files = { rgb: '001/rgb.png', depth: '001/depth.png' };
    const captures = [{ id: '001', label: 'dent', note: 'depth empty', files }];
    await writeFile(join(samples(), 'samples.json'), JSON.stringify({ captures }));
  });

  it('plays the captures and writes the contact sheet', async () => {
    const { code, output } = await run('demo', '--exit');
    expect(output).toMatch(
      /^001 +dent: depth empty +· +✕ +● +rgb +0\.\d{3} +(OK|REVIEW|NG) +\d+ +depth: empty$/m,
    );
    expect(code).toBe(0);
    const sheet = await sharp(join(folder, 'var', 'demo', 'contact-sheet.png')).metadata();
    expect(sheet.width).toBeGreaterThanOrEqual(64);
  });

  it('says in one line why the service did not start', async () => {
    await rm(join(dirname(samples()), 'encoders', 'rgb.onnx'));
    const { code, output } = await run('demo', '--exit');
    expect(output).toMatch(/^demo: The service did not start: .*rgb\.onnx is missing.*$/m);
    expect(code).toBe(1);
    await expect(access(join(folder, 'var'))).rejects.toThrow();
  });
});

describe('dashboards', () => {
  it.each([
    [['--help'], 0, 'Asks every query of the Grafana dashboard of a real Prometheus'],
    [['--seconds', '5'], 2, 'dashboards:check: --seconds 5: it must be a number from 60 to 3600.'],
    [[], 1, 'dashboards:check: ENOENT'],
  ])('with %j ends with %d and says why', async (args, expected, words) => {
    const { code, output } = await run('dashboards', ...args);
    expect(output).toContain(words);
    expect(code).toBe(expected);
  });
});

describe('performance', () => {
  it.each([
    [['--help'], 0, 'npm run bench -- --quick'],
    [['--only', 'triton'], 2, 'bench: --only triton: it must be of branchline'],
    [['--quick'], 1, 'bench: models/demo-part/3/manifest.json cannot be read: run this from the root'],
  ])('with %j ends with %d and says why', async (args, expected, words) => {
    const { code, output } = await run('performance', ...args);
    expect(output).toContain(words);
    expect(code).toBe(expected);
  });
});
