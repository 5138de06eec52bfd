// What can be known of the images without an engine: their steps, their sources, and what they promise.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { parse } from 'yaml';
import { readStages, type Stage } from '../../bench/image/dockerfile.js';
import { rootDir } from '../support/root-dir.js';

const read = (path: string) => readFileSync(rootDir + path, 'utf8');
const variables = [...read('src/config.ts').matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => name);
const FILES = ['docker/Dockerfile', 'docker/Dockerfile.cuda'];
const stagesOf = (file: string) => readStages(read(file));
const imageOf = (file: string) => stagesOf(file).at(-1) as Stage;

/** By the form of .dockerignore here: nothing but what "!" names. */
function isInContext(source: string): boolean {
  const lines = read('.dockerignore').split('\n');
  return lines.includes('*') && lines.includes(`!${source.split('/')[0]}`);
}

describe.each(FILES)('%s', (file) => {
  it('has no fault that a linter finds', () => {
    expect(validate(read(file)).map(({ message }) => message)).toEqual([]);
  });

  it('copies only what is there, and is sent to the build', () => {
    const sources = stagesOf(file).flatMap(({ steps }) =>
      steps.flatMap((step) => (step.type === 'copy' && step.from === undefined ? step.sources : [])),
    );
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !existsSync(rootDir + source))).toEqual([]);
    expect(sources.filter((source) => !isInContext(source))).toEqual([]);
  });

  it('copies from stages before it', () => {
    const stages = stagesOf(file);
    const copied = stages.flatMap(({ steps }, at) =>
      steps.flatMap((step) =>
        step.type === 'copy' && step.from !== undefined ? [{ from: step.from, at }] : [],
      ),
    );
    expect(copied.length).toBeGreaterThan(1);
    for (const { from, at } of copied) expect(stages.slice(0, at).map(({ name }) => name)).toContain(from);
  });

  it('stands on images of one exact version, and on the Node that the project asks for', () => {
    const images = stagesOf(file).map(({ image }) => image);
    for (const image of images) expect(image).toMatch(/^[\w./-]+:\d+\.\d+\.\d+[\w.-]*$/);
    const [, major, minor] = /^node:(\d+)\.(\d+)\.\d+-/.exec(images[0] ?? '') ?? [];
    const [, wanted, least] = /^>=(\d+)\.(\d+)$/.exec(JSON.parse(read('package.json')).engines.node) ?? [];
    expect(Number(major)).toBe(Number(wanted));
    expect(Number(minor)).toBeGreaterThanOrEqual(Number(least));
  });

  it('holds production dependencies alone', () => {
    const [, dependencies] = stagesOf(file);
    expect(dependencies?.steps).toContainEqual(
      expect.objectContaining({ command: expect.stringMatching(/^npm ci --omit=dev /) }),
    );
    const modules = imageOf(file).steps.filter(
      (step) => step.type === 'copy' && step.to === './node_modules',
    );
    expect(modules).toEqual([expect.objectContaining({ from: 'dependencies' })]);
  });

  it('runs as a user of no rights, with the command that gets the signals itself', () => {
    const { user, cmd, env } = imageOf(file);
    expect(user).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    expect(cmd).toEqual(['node', 'dist/src/main.js']);
    const { NODE_ENV, ...own } = env;
    expect(NODE_ENV).toBe('production');
    expect(Object.keys(own).filter((name) => !variables.includes(name))).toEqual([]);
  });

  it('fits the chart: user, store, models and port', () => {
    const pod = read('helm/branchline/templates/_pod.tpl');
    const { user, workdir, env } = imageOf(file);
    expect(pod).toContain(`runAsUser: ${user?.split(':')[0]}\n`);
    expect(pod).toContain(`- { name: STORE_PATH, value: ${env.STORE_PATH} }`);
    expect(read('helm/branchline/templates/_helpers.tpl')).toContain(`}}${workdir}/models{{ else`);
    expect(read(file)).toContain('\nEXPOSE 8080\n');
    expect(pod).toContain('containerPort: 8080');
  });

  it.each([
    [200, 0],
    [503, 1],
  ])('has a health check that makes of %d the exit code %d', async (status, code) => {
    const server = createServer((_request, response) => response.writeHead(status).end()).listen(
      0,
      '127.0.0.1',
    );
    await new Promise((resolve) => server.once('listening', resolve));
    const PORT = String((server.address() as AddressInfo).port);
    const [, ...args] = imageOf(file).healthcheck ?? [];
    const check = promisify(execFile)(process.execPath, args, { env: { PORT } });
    const ended = await check.then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    await new Promise((resolve) => server.close(resolve));
    expect(ended).toBe(code);
    // Nobody listens there any more.
    expect(spawnSync(process.execPath, args, { env: { PORT } }).status).toBe(1);
  });
});

describe('the two images', () => {
  it('differ in CUDA alone', () => {
    const [plain, cuda] = FILES.map(stagesOf) as [Stage[], Stage[]];
    expect(cuda[0]).toEqual(plain[0]);
    const [image, onCuda] = [plain.at(-1), cuda.at(-1)];
    const { EXECUTION_PROVIDERS, ...env } = onCuda?.env ?? {};
    expect(EXECUTION_PROVIDERS).toBe('cuda');
    expect(env).toEqual(image?.env);
    const copies = (stage: Stage | undefined) =>
      stage?.steps.filter((step) => step.type === 'copy' && step.to !== '/usr/local/bin/node');
    expect(copies(onCuda)).toEqual(copies(image));
    expect([onCuda?.cmd, onCuda?.user, onCuda?.healthcheck]).toEqual([
      image?.cmd,
      image?.user,
      image?.healthcheck,
    ]);
  });

  it('say that the one for CUDA has not been built', () => {
    expect(read('docker/Dockerfile.cuda')).toContain('NOT BUILT YET');
  });
});

describe('reading a Dockerfile', () => {
  it('joins what is continued, and takes the last stage for the image', () => {
    const stages = readStages('FROM a:1 AS one\nRUN b && \\\n    c\nFROM d:2\nUSER 1:1\nENV A=1 \\\n  B=2\n');
    expect(stages.map(({ name }) => name)).toEqual(['one', '']);
    expect(stages[0]?.steps).toEqual([{ type: 'run', command: 'b && c' }]);
    expect([stages[1]?.user, stages[1]?.env]).toEqual(['1:1', { A: '1', B: '2' }]);
  });

  it('does not pass over what it does not understand', () => {
    expect(() => readStages('FROM a:1\nADD https://b /c\n')).toThrow('ADD is not understood');
    expect(() => readStages('FROM a:1\nENTRYPOINT ["sh"]\n')).toThrow('ENTRYPOINT is not understood');
  });
});

it('compose and chart name the same version of the image as the package', () => {
  const { version } = JSON.parse(read('package.json'));
  expect(parse(read('helm/branchline/Chart.yaml')).appVersion).toBe(version);
});
