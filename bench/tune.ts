// `npm run tune`: tries the service's own settings on a bundle, and writes the best into an environment file.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { manifestSchema } from '../src/bundle/manifest.js';
import { freePort } from './child-server.js';
import { runProgram } from './command-line.js';
import { abortWhenInterrupted } from './interruption.js';
import { readLabelledFolder } from './labelled-folder.js';
import { multipart } from './load/multipart.js';
import type { PreparedRequest } from './load/protocol.js';
import { runLoad } from './load/run-load.js';
import { providerOf } from './provider.js';
import { readSampleCaptures } from './sample-captures.js';
import { startService } from './service.js';
import { percentile } from './statistics.js';
import { textTable } from './table.js';
import { HELP, parseTuneOptions } from './tune/options.js';
import { best, environmentFile, type Measured, type Setting, settingsFor } from './tune/settings.js';

/** More than any setting has workers, so that none is ever idle. */
const CLIENTS = (cores: number) => 2 * cores + 2;
/** Enough to tell pictures apart, few enough to be held at once. */
const CAPTURES = 16;

interface Trial {
  readonly bundle: string;
  readonly folder: string;
  readonly requests: readonly PreparedRequest[];
  readonly measureMs: number;
  readonly signal: AbortSignal;
}

/** The exit code. */
async function main(): Promise<number> {
  const options = parseTuneOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const cores = availableParallelism();
  const provider = providerOf(process.env);
  const requests = await requestsOf(options.bundle, options.data);
  const folder = await mkdtemp(join(tmpdir(), 'branchline-tune-'));
  const signal = abortWhenInterrupted();
  const measured: Measured[] = [];
  try {
    const measureMs = options.seconds * 1000;
    const settings = settingsFor(cores, provider);
    for (const [at, setting] of settings.entries()) {
      process.stderr.write(`${at + 1} of ${settings.length}: ${words(setting)}\n`);
      const trial = { bundle: options.bundle, folder, requests, measureMs, signal };
      measured.push({ ...setting, ...(await measure(setting, trial)) });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const found = best(measured);
  await mkdir(dirname(options.out), { recursive: true });
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cores} cores, ${provider}`;
  const about = [
    `${bundleKey(options.bundle)} on ${machine}`,
    `by npm run tune, ${new Date().toISOString()}`,
  ];
  await writeFile(options.out, environmentFile(found, about));
  process.stdout.write(`${tableOf(measured, found)}\n\nWritten: ${options.out} (${words(found)})\n`);
  return 0;
}

async function measure(setting: Setting, trial: Trial): Promise<Omit<Measured, keyof Setting>> {
  const { bundle, folder, requests, measureMs, signal } = trial;
  const service = await startService({
    modelsDir: dirname(dirname(resolve(bundle))),
    model: bundleKey(bundle),
    storePath: join(folder, randomUUID()),
    logFile: join(folder, 'service.log'),
    port: await freePort(),
    env: {
      WORKERS: `${setting.workers}`,
      INTRA_OP_THREADS: `${setting.intraOpThreads}`,
      MAX_BATCH: `${setting.maxBatch}`,
    },
  });
  try {
    const run = async (clients: number) => {
      const warmUpMs = Math.min(1000, measureMs / 2);
      const task = { kind: 'closed', url: service.url, requests, clients, warmUpMs, measureMs } as const;
      const { sent } = await runLoad(task, signal);
      const answered = sent.filter(({ refusal }) => refusal === undefined);
      if (answered.length > 0) return answered.map(({ latencyMs }) => latencyMs);
      throw new Error(`${words(setting)}: nothing was answered (${sent[0]?.refusal ?? 'within the time'}).`);
    };
    const saturated = await run(CLIENTS(availableParallelism()));
    return {
      capturesPerSecond: saturated.length / (measureMs / 1000),
      p50Ms: percentile(await run(1), 0.5),
    };
  } finally {
    await service.stop();
  }
}

/** Whole captures: what runs longest decides. */
async function requestsOf(bundle: string, data: string | undefined): Promise<PreparedRequest[]> {
  const captures =
    data === undefined
      ? await readSampleCaptures(bundle)
      : await readLabelledFolder(data, await modalitiesOf(bundle));
  const most = Math.max(...captures.map(({ files }) => files.size));
  const whole = captures.filter(({ files }) => files.size === most).slice(0, CAPTURES);
  return Promise.all(
    whole.map(async ({ files }) =>
      multipart(
        await Promise.all([...files].map(async ([name, file]) => [name, await readFile(file)] as const)),
      ),
    ),
  );
}

async function modalitiesOf(bundle: string): Promise<string[]> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')));
  return manifest.modalities.map(({ name }) => name);
}

function bundleKey(bundle: string): string {
  const path = resolve(bundle);
  return `${basename(dirname(path))}@${basename(path)}`;
}

function words({ workers, intraOpThreads, maxBatch }: Setting): string {
  return `WORKERS=${workers} INTRA_OP_THREADS=${intraOpThreads} MAX_BATCH=${maxBatch}`;
}

function tableOf(measured: readonly Measured[], found: Measured): string {
  const right = (title: string) => ({ title, align: 'right' }) as const;
  const columns = [
    ...['workers', 'threads', 'batch', 'captures/s', 'one client, p50 ms'].map(right),
    { title: '' },
  ];
  return textTable(
    columns,
    measured.map((each) => [
      `${each.workers}`,
      `${each.intraOpThreads}`,
      `${each.maxBatch}`,
      each.capturesPerSecond.toFixed(1),
      each.p50Ms.toFixed(1),
      each === found ? 'taken' : '',
    ]),
  );
}

await runProgram('tune', main);
