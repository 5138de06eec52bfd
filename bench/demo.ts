// `npm run demo`: the main job in one command, on the model and the captures that come with the project.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { manifestSchema } from '../src/bundle/manifest.js';
import { contactSheet } from '../src/heatmap/sheet.js';
import { freePort } from './child-server.js';
import { fetchHeatmap, postCapture, RefusedError } from './client.js';
import { addresses, demoTable, type Played } from './demo-report.js';
import { untilInterrupted } from './interruption.js';
import { readSampleCaptures, type SampleCapture } from './sample-captures.js';
import { startService } from './service.js';

const HELP = `Starts the service on the bundled model, plays a dozen captures, shows what it says of them.

  npm run demo             leaves the service up until Ctrl-C
  npm run demo -- --exit   ends it instead

Writes var/demo/contact-sheet.png, the heat maps side by side. What it stores is gone when it ends.
Takes port 8080, or a free one where that is taken.
`;

const MODELS = 'models';
const MODEL = { name: 'demo-part', version: 3 };
/** Pictures are kept after the answer has left. */
const PICTURES_COME_MS = 500;
const SHEET = join('var', 'demo', 'contact-sheet.png');
const SHEET_COLUMNS = 4;

async function main(): Promise<void> {
  const { exit, help } = parseArgs({
    options: { exit: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  }).values;
  if (help) return print(HELP);

  const bundle = join(MODELS, MODEL.name, String(MODEL.version));
  const captures = await readSampleCaptures(bundle);
  const modalities = await modalitiesOf(bundle);

  const interrupted = untilInterrupted();
  // A folder of its own: a second demo must not touch the first one's store.
  const folder = await mkdtemp(join(tmpdir(), 'branchline-demo-'));
  try {
    await show({ folder, captures, modalities, stayUp: !exit, interrupted });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Show {
  /** For store and log. */
  readonly folder: string;
  readonly captures: readonly SampleCapture[];
  readonly modalities: readonly string[];
  readonly stayUp: boolean;
  readonly interrupted: Promise<'interrupted'>;
}

async function show({ folder, captures, modalities, stayUp, interrupted }: Show): Promise<void> {
  print('Starting the service …');
  const service = await startService({
    modelsDir: MODELS,
    model: modelReference(),
    storePath: join(folder, 'store'),
    logFile: join(folder, 'service.log'),
    port: await freePort(8080),
    // The sheet shows good parts too.
    env: { KEEP_CAPTURES: 'all' },
  });
  try {
    const played = await Promise.race([play(service.url, captures), interrupted]);
    if (played === 'interrupted') return;
    print(`\n${demoTable(played, modalities)}\n`);
    await pause(PICTURES_COME_MS);
    const tiles = await writeSheet(service.url, played);
    print(`${tiles} heat maps side by side: ${SHEET}\n`);
    if (!stayUp) return;
    const ng = inspections(played).findLast(({ verdict }) => verdict === 'NG');
    const example = fullest(captures, modalities);
    print(`${addresses({ serviceUrl: service.url, ng, example })}\n\nCtrl-C ends it.`);
    const end = await Promise.race([interrupted, service.ended]);
    if (end !== 'interrupted') throw new Error(`The service ended: ${end}`);
  } finally {
    await service.stop();
  }
}

/** One after the other, as one station would: the latencies are those of a service that is not busy. */
async function play(serviceUrl: string, captures: readonly SampleCapture[]): Promise<Played[]> {
  const played: Played[] = [];
  for (const capture of captures) {
    const metadata = { captureId: capture.id, lineId: 'demo-line', attributes: { label: capture.label } };
    const posted = postCapture(serviceUrl, { model: modelReference(), files: capture.files, metadata });
    const outcome = await posted.catch((error: unknown) => {
      if (error instanceof RefusedError) return error;
      throw error;
    });
    played.push({ capture, outcome });
  }
  return played;
}

/** The number of heat maps on the sheet. */
async function writeSheet(serviceUrl: string, played: readonly Played[]): Promise<number> {
  const decided = inspections(played).filter(({ heatmap }) => heatmap !== null);
  const tiles = await Promise.all(
    decided.map(async ({ captureId, verdict, score, heatmap }) => ({
      title: `${captureId} ${verdict} ${score?.toFixed(2)}`,
      png: await fetchHeatmap(serviceUrl, heatmap?.href ?? ''),
    })),
  );
  await mkdir(dirname(SHEET), { recursive: true });
  await writeFile(SHEET, await contactSheet(tiles, SHEET_COLUMNS));
  return tiles.length;
}

function inspections(played: readonly Played[]) {
  return played.flatMap(({ outcome }) => ('inspection' in outcome ? outcome.inspection : []));
}

/** The defective capture that carries most: the one worth sending again. */
function fullest(captures: readonly SampleCapture[], modalities: readonly string[]): SampleCapture {
  const sorted = captures.toSorted((a, b) => b.files.size - a.files.size);
  const found = sorted.find(({ files, label }) => files.size === modalities.length && label !== 'good');
  return found ?? (sorted[0] as SampleCapture);
}

async function modalitiesOf(bundle: string): Promise<string[]> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')));
  return manifest.modalities.map(({ name }) => name).sort();
}

function modelReference(): string {
  return `${MODEL.name}@${MODEL.version}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
