// `npm run bench`: the service against bare ONNX Runtime and against its peers, in one table.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runProgram } from './command-line.js';
import { branchline } from './contenders/branchline.js';
import type { Contender, ContenderName } from './contenders/contender.js';
import { peer } from './contenders/peers.js';
import { peersPython } from './contenders/python.js';
import { abortWhenInterrupted } from './interruption.js';
import { type Bodies, readBodies } from './performance/bodies.js';
import { scoresOf } from './performance/ceiling.js';
import { type Block, isMeasured } from './performance/figures.js';
import { singleGraphs } from './performance/graphs.js';
import { describeMachine } from './performance/machine.js';
import { DEADLINE_MS, type Measurement, measureContender } from './performance/measure.js';
import { type BenchOptions, HELP, parseBenchOptions } from './performance/options.js';
import { pageOf, type Report, terminalReport } from './performance/report.js';
import { fastest, type SweepRow, sweep } from './performance/sweep.js';
import { providerOf } from './provider.js';

const MODELS = 'models';
const MODEL = { name: 'demo-part', version: 3, modality: 'rgb' };
const KEPT = join('var', 'bench');
/** A server that sorts itself out under a new load is not what is measured. */
const SETTLE_MS = 3000;

/** The exit code. */
async function main(): Promise<number> {
  const provider = providerOf(process.env);
  const options = parseBenchOptions(process.argv.slice(2), provider);
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const machine = await describeMachine(provider);
  const bundle = join(MODELS, MODEL.name, String(MODEL.version));
  const graphs = await singleGraphs(bundle, join(KEPT, 'graphs'), options.trainer);
  const bodies = await readBodies(bundle, graphs, MODEL.modality);
  const contenders = options.only.map((name) => contenderOf(name, graphs, options));
  const titles = new Map(contenders.map(({ name, title }) => [name, title]));

  const signal = abortWhenInterrupted();
  const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'));
  try {
    const times = timesOf(options);
    const swept = await sweepOf(provider, bodies, times.measureMs, signal);
    const drive = swept.length > 0 ? fastest(swept) : { provider, workers: availableParallelism(), batch: 1 };
    const report = { machine, options, titles, swept };
    const task = { bodies, drive, signal, ...times };
    const measurement = { ...task, folder, expected: await scoresOf(task) };
    const keep = (blocks: readonly Block[]) => keepRaw({ ...report, blocks });
    const blocks = await runRounds(contenders, options.rounds, measurement, keep);
    await publish({ ...report, blocks });
    return blocks.some((block) => block.contender === 'branchline' && !isMeasured(block)) ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Nothing on a CPU, where a batch gains nothing. */
async function sweepOf(
  provider: string,
  bodies: Bodies,
  measureMs: number,
  signal: AbortSignal,
): Promise<SweepRow[]> {
  if (provider === 'cpu') return [];
  return sweep(provider, bodies, measureMs, signal, (what) => {
    process.stderr.write(`bare ONNX Runtime on ${provider}: ${what}\n`);
  });
}

function timesOf({ quick, seconds, warmUpSeconds }: BenchOptions) {
  const measureMs = seconds * 1000;
  return {
    measureMs,
    warmUpMs: Math.min(1000, measureMs / 2),
    busyMs: warmUpSeconds * 1000,
    settleMs: quick ? 1000 : SETTLE_MS,
  };
}

function contenderOf(name: ContenderName, graphs: string, { python }: BenchOptions): Contender {
  if (name === 'branchline')
    return branchline(
      { modelsDir: MODELS, model: `${MODEL.name}@${MODEL.version}`, modality: MODEL.modality },
      DEADLINE_MS,
    );
  return peer(name, {
    graph: join(graphs, `${MODEL.modality}.onnx`),
    python: async () => python ?? (await peersPython(join(KEPT, 'venv'))),
  });
}

/** The order turns from round to round, so that a machine that grows hot is unfair to nobody. */
async function runRounds(
  contenders: readonly Contender[],
  rounds: number,
  measurement: Omit<Measurement, 'onProgress'>,
  keep: (blocks: readonly Block[]) => Promise<void>,
): Promise<Block[]> {
  const blocks: Block[] = [];
  const { signal } = measurement;
  for (let round = 1; round <= rounds; round++) {
    const first = (round - 1) % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const onProgress = (what: string) =>
        process.stderr.write(`round ${round} of ${rounds}, ${contender.title}: ${what}\n`);
      signal.throwIfAborted();
      blocks.push(
        await measureContender(contender, round, { ...measurement, onProgress }).catch((error: Error) => ({
          contender: contender.name,
          round,
          reason: error.message,
        })),
      );
      await keep(blocks);
    }
  }
  signal.throwIfAborted();
  return blocks;
}

/** After each contender, so that a run that is cut off leaves what it found. */
async function keepRaw(report: Report): Promise<void> {
  await mkdir(KEPT, { recursive: true });
  await writeFile(join(KEPT, 'results.json'), JSON.stringify({ ...report, titles: undefined }, null, 2));
}

async function publish(report: Report): Promise<void> {
  const { out } = report.options;
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, pageOf(report));
  process.stdout.write(`${terminalReport(report)}\n\nWritten: ${out}\n`);
}

await runProgram('bench', main);
