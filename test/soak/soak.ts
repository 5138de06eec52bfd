// `npm run soak`: whether every answer stays the right one, and memory stays where it is, under long and rough use.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../bench/command-line.js';
import { runForked } from '../../bench/forked.js';
import { abortWhenInterrupted } from '../../bench/interruption.js';
import { memoryOf } from '../../bench/process-memory.js';
import { drawBelow, type Random, seededRandom } from '../../bench/random.js';
import { judgeAlone, type KnownCapture, readMixtures } from './catalogue.js';
import { startChaos } from './chaos.js';
import { readFeed } from './feed.js';
import { type Growth, judgeGrowth, type MemoryPoint } from './growth.js';
import { Ledger } from './ledger.js';
import type { LoadBundles } from './load-bundles.js';
import { MortalService } from './mortal-service.js';
import { HELP, type Leg, parseSoakOptions, type SoakOptions } from './options.js';
import { runTraffic } from './traffic.js';

const LOAD_BUNDLES = fileURLToPath(new URL('./load-bundles.js', import.meta.url));
const MIB = 1024 * 1024;
const FAULTS_SHOWN = 20;
/** Captures: a minute's work. */
const LEAST_WORTH_TELLING = 1000;

/** The exit code. */
async function main(): Promise<number> {
  const options = parseSoakOptions(process.argv.slice(2));
  if (options === 'help') {
    print(HELP);
    return 0;
  }
  const folder = await mkdtemp(join(tmpdir(), 'branchline-soak-'));
  try {
    const signal = abortWhenInterrupted();
    const legs: Record<Leg, () => Promise<boolean>> = {
      identity: () => identity(options, folder, signal),
      captures: () => captureLeak(options, folder, signal),
      loads: () => loadLeak(options, signal),
    };
    let ok = true;
    for (const leg of options.only) ok = (await legs[leg]()) && ok;
    print(ok ? 'All is well.' : 'NOT WELL: see above.');
    return ok ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether all is well, as of every leg. */
async function identity(options: SoakOptions, folder: string, signal: AbortSignal): Promise<boolean> {
  const { captures, clients, seed, killEveryMs, modelsDir, model } = options;
  const random = seededRandom(seed);
  const service = await MortalService.open({ modelsDir, model, folder });
  try {
    const { known, mixtures } = await knownCaptures(service, options, random, signal);
    print(`identity: ${known.length} captures known by their score, of ${mixtures} mixtures`);
    const ledger = new Ledger();
    const chaos = startChaos(service, killEveryMs);
    const traffic = { captures, clients, known, random, ledger, signal };
    await runTraffic(service, { ...traffic, onDone: progress('identity', captures) }).catch(
      async (error: unknown) => {
        await chaos.stop().catch(() => {});
        throw error;
      },
    );
    const { crashedThreads, killedServices } = await chaos.stop();
    ledger.checkFeed(await readFeed(service.url, captures + mixtures));
    const counts = [...ledger.counts].map(([kind, count]) => `${kind} ${count}`).join(', ');
    print(`identity: ${captures} captures: ${counts}`);
    print(`identity: ${crashedThreads} threads crashed, ${killedServices} services killed`);
    printFaults(ledger.faults);
    return ledger.faults.length === 0;
  } finally {
    await service.stop();
  }
}

/** Judged by the service one at a time: what it must say of them in a crowd. */
async function knownCaptures(
  { url }: MortalService,
  { modelsDir, model, captures }: SoakOptions,
  random: Random,
  signal: AbortSignal,
): Promise<{ known: readonly KnownCapture[]; mixtures: number }> {
  const mixtures = drawSome(await readMixtures(modelsDir, model), Math.max(64, captures / 20), random);
  return { known: await judgeAlone(url, mixtures, signal), mixtures: mixtures.length };
}

/** All of them, or so many drawn ones: each is judged alone first, and a short run has no time for many. */
function drawSome<T>(items: readonly T[], atMost: number, random: Random): T[] {
  const left = [...items];
  const drawn: T[] = [];
  while (left.length > 0 && drawn.length < atMost)
    drawn.push(...left.splice(drawBelow(random, left.length), 1));
  return drawn;
}

/** Stations hang up here too, but nothing is killed: a new process would hide what the old one lost. */
async function captureLeak(options: SoakOptions, folder: string, signal: AbortSignal): Promise<boolean> {
  const { captures, clients, seed, modelsDir, model } = options;
  const random = seededRandom(seed + 1);
  const own = await mkdtemp(join(folder, 'leak-'));
  const service = await MortalService.open({ modelsDir, model, folder: own });
  const points: MemoryPoint[] = [];
  const looks: Promise<void>[] = [];
  const every = Math.max(1, Math.floor(captures / 200));
  const look = async (x: number) => {
    const memory = await memoryOf(service.pid);
    if (memory !== undefined) points.push({ x, bytes: memory.anonymousBytes });
  };
  const ledger = new Ledger();
  const tell = progress('leak, captures', captures);
  try {
    const { known } = await knownCaptures(service, options, random, signal);
    const traffic = { captures, clients, known, random, ledger, signal };
    await runTraffic(service, {
      ...traffic,
      onDone: (done) => {
        tell(done);
        if (done % every === 0) looks.push(look(done));
      },
    });
    await Promise.all(looks);
  } finally {
    await service.stop();
  }
  printFaults(ledger.faults);
  return printGrowth('leak, captures', 'capture', judgeGrowth(points)) && ledger.faults.length === 0;
}

async function loadLeak({ modelsDir, model, loads }: SoakOptions, signal: AbortSignal): Promise<boolean> {
  if (loads === 0) return true;
  const task: LoadBundles = { modelsDir, model, loads };
  const fork = { signal, execArgv: ['--expose-gc'] };
  const points = await runForked<LoadBundles, MemoryPoint[]>(LOAD_BUNDLES, task, fork);
  return printGrowth('leak, loads', 'load', judgeGrowth(points));
}

/** Whether all is well. */
function printGrowth(what: string, step: string, growth: Growth | undefined): boolean {
  if (growth === undefined) {
    print(
      `${what}: not measured: too few looks, or a system that does not tell its memory (only Linux does)`,
    );
    return true;
  }
  const { bytesPerStep, standardError, grownBytes, medianBytes, toleranceBytes, leaks } = growth;
  const slope = `${(bytesPerStep / 1024).toFixed(2)} ± ${(standardError / 1024).toFixed(2)} KiB a ${step}`;
  const grown = `${(grownBytes / MIB).toFixed(1)} MiB over the second half (allowed ${(toleranceBytes / MIB).toFixed(0)})`;
  print(`${what}: ${slope}, ${grown}, at ${(medianBytes / MIB).toFixed(0)} MiB${leaks ? ': IT LEAKS' : ''}`);
  return !leaks;
}

/** Says, of a long leg, how far it has come: ten times. */
function progress(what: string, captures: number): (done: number) => void {
  const every = Math.max(LEAST_WORTH_TELLING, Math.ceil(captures / 10));
  return (done) => {
    if (done % every === 0) print(`${what}: ${done} of ${captures}`);
  };
}

function printFaults(faults: readonly string[]): void {
  for (const fault of faults.slice(0, FAULTS_SHOWN)) print(`FAULT ${fault}`);
  if (faults.length > FAULTS_SHOWN) print(`FAULT and ${faults.length - FAULTS_SHOWN} more`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

await runProgram('soak', main);
