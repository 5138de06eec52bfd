// `docker/verify.sh`: does the steps of a Dockerfile in a scratch folder, and runs what the image would run.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from './child-server.js';
import { postCapture } from './client.js';
import { runProgram } from './command-line.js';
import { readStages, type Stage, type Step } from './image/dockerfile.js';
import { startImage } from './image/start.js';
import { readSampleCaptures } from './sample-captures.js';

const HELP = `Does what docker/Dockerfile says without Docker, and inspects a capture with what comes out.

  docker/verify.sh           some minutes: it installs everything twice from the registry, as the build does
  docker/verify.sh --keep    leaves the scratch folder

Each stage is a folder, and its COPY and RUN steps are done there; the RUN of the last stage changes the system of
the image and is only shown. The CMD is run with the image's variables and, where this is root, as its user, who may
write to the volume alone. It must answer a capture and its HEALTHCHECK, and end with code 0 on SIGTERM.
`;

const DOCKERFILE = 'docker/Dockerfile';
const VOLUME = '/var/lib/branchline';

await runProgram('docker/verify.sh', async () => {
  const { keep, help } = parseArgs({
    options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  }).values;
  if (help) {
    print(HELP);
    return 0;
  }
  const scratch = await mkdtemp(join(tmpdir(), 'branchline-image-'));
  try {
    const stages = readStages(await readFile(DOCKERFILE, 'utf8'));
    for (const stage of stages) await doStage(stage, scratch);
    await inspectACapture(stages, scratch);
    return 0;
  } finally {
    if (keep) print(`Left in ${scratch}`);
    else await rm(scratch, { recursive: true, force: true });
  }
});

/** The root folder of a stage; that of the last one is "image". */
function rootOf(stage: Pick<Stage, 'name'>, scratch: string): string {
  return join(scratch, stage.name || 'image');
}

async function doStage(stage: Stage, scratch: string): Promise<void> {
  const workdir = join(rootOf(stage, scratch), stage.workdir);
  await mkdir(workdir, { recursive: true });
  for (const step of stage.steps) {
    const where = stage.name || 'image';
    if (step.type === 'copy') {
      print(`${where}: COPY ${step.sources.join(' ')}`);
      await copy(step, workdir, scratch);
    } else if (stage.name === '') print(`${where}: RUN, of the image's own system, not done here`);
    else {
      print(`${where}: RUN ${step.command}`);
      const { status } = spawnSync('sh', ['-c', step.command], { cwd: workdir, stdio: 'inherit' });
      if (status !== 0) throw new Error(`${where}: RUN ${step.command}: it ended with ${status}.`);
    }
  }
}

/** As Docker: a folder is copied as what is in it; to a path that ends with a slash or is ".", under its own name. */
async function copy(step: Step & { type: 'copy' }, workdir: string, scratch: string): Promise<void> {
  for (const source of step.sources) {
    const from = step.from === undefined ? source : join(rootOf({ name: step.from }, scratch), source);
    const name = step.to.endsWith('/') ? (source.split('/').at(-1) ?? '') : '';
    await cp(from, join(workdir, step.to, name), { recursive: true, verbatimSymlinks: true });
  }
}

/** Some seconds of the simulated line, as its stage has it. */
function workTheLine(line: Stage, scratch: string, url: string): void {
  const [, program = ''] = line.cmd ?? [];
  const args = [program, '--target', url, '--stations', '2', '--seconds', '5'];
  const cwd = join(rootOf(line, scratch), line.workdir);
  const { status } = spawnSync(process.execPath, args, { cwd, stdio: 'inherit' });
  if (status !== 0) throw new Error(`line: ${args.join(' ')}: it ended with ${status}.`);
}

async function inspectACapture(stages: readonly Stage[], scratch: string): Promise<void> {
  const image = stages.at(-1) as Stage;
  const line = stages.find(({ name }) => name === 'line') as Stage;
  const root = rootOf(image, scratch);
  const app = join(root, image.workdir);
  const volume = join(root, VOLUME);
  const [uid, gid] = (image.user ?? '').split(':').map(Number);
  await mkdir(volume, { recursive: true });
  const isRoot = process.getuid?.() === 0;
  if (isRoot && uid !== undefined && gid !== undefined) {
    await chmod(scratch, 0o755);
    await chown(volume, uid, gid);
  }
  const before = filesIn(app);
  const port = await freePort();
  // What the image says, but on this machine's own loopback and in the scratch folder.
  const env = Object.entries(image.env).map(([name, value]) => [name, value.replace(VOLUME, volume)]);
  const started = await startImage({
    cmd: image.cmd ?? [],
    healthcheck: image.healthcheck ?? [],
    cwd: app,
    env: { ...Object.fromEntries(env), PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port) },
    user: isRoot ? { uid, gid } : {},
  });
  try {
    print(`image: ${image.cmd?.join(' ')} is healthy${isRoot ? `, as user ${image.user}` : ''}`);
    const [capture] = await readSampleCaptures(join(app, 'models', 'demo-part', '3'));
    if (capture === undefined) throw new Error('The bundle has no samples.');
    const { inspection } = await postCapture(`http://127.0.0.1:${port}`, {
      model: 'demo-part@3',
      files: capture.files,
      metadata: { captureId: capture.id },
    });
    print(
      `image: ${capture.id} (${capture.label}) is ${inspection.verdict} ${inspection.score?.toFixed(3)}, ${inspection.branch}`,
    );
    if (!inspection.stored)
      throw new Error('The inspection was not stored: the volume cannot be written to.');
    workTheLine(line, scratch, `http://127.0.0.1:${port}`);
  } finally {
    await started.stop();
  }
  print('image: SIGTERM: it ended with code 0');
  if (filesIn(app).join() !== before.join()) throw new Error(`Something was written into ${image.workdir}.`);
  print('image: nothing was written outside of the volume');
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
