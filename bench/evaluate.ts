// `npm run evaluate`: a bundle's figures through the wire, held against the trainer's own.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { type Manifest, manifestSchema } from '../src/bundle/manifest.js';
import { freePort } from './child-server.js';
import { runProgram } from './command-line.js';
import { type Comparison, compare } from './comparison.js';
import { type EvaluateOptions, HELP, parseEvaluateOptions } from './evaluate-options.js';
import { comparisonReport, figuresReport } from './evaluate-report.js';
import { figuresOf } from './figures.js';
import { untilInterrupted } from './interruption.js';
import { type JudgedCapture, judgeCaptures } from './judge.js';
import { readLabelledFolder } from './labelled-folder.js';
import { type PlannedCapture, planCaptures } from './plan.js';
import { startService } from './service.js';
import { findTrainer, runTrainer } from './trainer.js';

/** The exit code. */
async function main(): Promise<number> {
  const options = parseEvaluateOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const folder = await mkdtemp(join(tmpdir(), 'branchline-evaluate-'));
  try {
    return await evaluate(options, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function evaluate(options: EvaluateOptions, folder: string): Promise<number> {
  const manifest = await readManifest(options.bundle);
  const modalities = manifest.modalities.map(({ name }) => name);
  const captures = await readLabelledFolder(options.data, modalities);
  const plan = planCaptures(captures, options.loss);

  const judged = await overTheWire(options, manifest, plan, folder);
  const figures = figuresOf(judged);
  print(figuresReport(`${manifest.name}@${manifest.version}`, options, figures));

  const comparison = await withTrainer(options, plan, judged, folder);
  if (options.json !== undefined)
    await writeFile(
      options.json,
      JSON.stringify({ options, figures, comparison, captures: judged }, null, 2),
    );
  return comparison?.agrees === false ? 1 : 0;
}

async function overTheWire(
  options: EvaluateOptions,
  manifest: Manifest,
  plan: readonly PlannedCapture[],
  folder: string,
): Promise<JudgedCapture[]> {
  const model = `${manifest.name}@${manifest.version}`;
  const onProgress = showProgress(plan.length);
  const judgeAt = (serviceUrl: string) =>
    judgeCaptures(plan, { serviceUrl, model, concurrency: options.concurrency, onProgress });
  if (options.url !== undefined) return judgeAt(options.url);
  const interrupted = untilInterrupted();
  const service = await startService({
    modelsDir: dirname(dirname(resolve(options.bundle))),
    model,
    storePath: join(folder, 'store'),
    logFile: join(folder, 'service.log'),
    port: await freePort(),
  });
  try {
    const judged = await Promise.race([judgeAt(service.url), interrupted]);
    if (judged === 'interrupted') throw new Error('interrupted');
    return judged;
  } finally {
    await service.stop();
  }
}

/** undefined where there is no trainer to ask. */
async function withTrainer(
  options: EvaluateOptions,
  plan: readonly PlannedCapture[],
  judged: readonly JudgedCapture[],
  folder: string,
): Promise<Comparison | undefined> {
  const trainer = await findTrainer(options.trainer);
  if (trainer === undefined) {
    print('NOT COMPARED with the trainer: branchline-train is neither in training/.venv nor on PATH.');
    print('It comes with: python3 -m venv training/.venv && training/.venv/bin/pip install -e training');
    return undefined;
  }
  const { bundle, data } = options;
  const comparison = compare(judged, await runTrainer(trainer, { bundle, data, plan, folder }));
  print(comparisonReport(comparison));
  return comparison;
}

async function readManifest(bundle: string): Promise<Manifest> {
  const file = join(bundle, 'manifest.json');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`--bundle: ${file} cannot be read; a bundle is a folder models/<name>/<version>.`, {
      cause,
    });
  });
  const manifest = manifestSchema.parse(JSON.parse(text));
  const folder = resolve(bundle);
  if (basename(folder) !== String(manifest.version) || basename(dirname(folder)) !== manifest.name)
    throw new Error(
      `--bundle: ${bundle} must end in ${manifest.name}/${manifest.version}, as its manifest says.`,
    );
  return manifest;
}

/** One line that counts up, for people only. */
function showProgress(total: number): (done: number) => void {
  if (!process.stderr.isTTY) return () => {};
  return (done) => process.stderr.write(`\r${done} of ${total} captures${done === total ? '\n' : ''}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

await runProgram('evaluate', main);
