// The service as a process: what it says when it cannot start, and what it keeps when it is killed.
import { once } from 'node:events';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { inspect } from '../support/client.js';
import { freePort, type ServiceProcess, spawnService, untilReady } from '../support/process.js';
import { multipartBody, openSocket, postHead, readAnswer } from '../support/socket.js';
import { copyTinyBundle, goldenCapture } from '../support/tiny-bundle.js';

let folder: string;
let storePath: string;
const running: ServiceProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-process-'));
  storePath = join(folder, 'store');
});
afterEach(async () => {
  for (const { child, exited } of running.splice(0)) {
    child.kill('SIGKILL');
    await exited;
  }
  await rm(folder, { recursive: true, force: true });
});

function start(env: Record<string, string>): ServiceProcess {
  const service = spawnService({ STORE_PATH: storePath, ...env });
  running.push(service);
  return service;
}

async function startReady(
  env: Record<string, string> = {},
): Promise<{ service: ServiceProcess; url: string; port: number }> {
  const port = await freePort();
  const service = start({ PORT: String(port), ...env });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, service);
  return { service, url, port };
}

/** One line that says `message`, and an exit code that is not 0. */
async function expectNoStart(env: Record<string, string>, message: RegExp): Promise<void> {
  const { code, stderr } = await start({ PORT: '0', ...env }).exited;
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
}

describe('a service that cannot start says why in one line', () => {
  it('a variable that is wrong', () =>
    expectNoStart({ PORT: 'http' }, /^branchline cannot start: PORT=http: must be an integer\n$/));

  it('a budget that the largest body would never fit', () =>
    expectNoStart(
      { IN_FLIGHT_BYTES: '1048576' },
      /^branchline cannot start: IN_FLIGHT_BYTES=1048576: must be at least \d+: one JSON body of BODY_LIMIT_BYTES/,
    ));

  it('a bad manifest, a changed file, a missing file', async () => {
    const copy = await copyTinyBundle();
    const env = { MODELS_DIR: copy.modelsDir };
    const head = join(copy.bundleDir, 'heads', 'rgb.onnx');
    try {
      await appendFile(head, 'x');
      await expectNoStart(
        env,
        /heads\/rgb\.onnx has 688 bytes, the manifest says 687; copy the bundle again/,
      );
      await rm(head);
      await expectNoStart(env, /heads\/rgb\.onnx is missing; the manifest names it/);
      await writeFile(join(copy.bundleDir, 'manifest.json'), '{"schemaVersion":1}');
      await expectNoStart(env, /manifest\.json: name .*expected string/);
    } finally {
      await copy.remove();
    }
  });

  it('a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expectNoStart(
      { PORT: String(port) },
      new RegExp(`PORT: ${port} on 127\\.0\\.0\\.1 is taken.*another PORT`),
    );
    other.close();
  });

  it('a store another service holds', async () => {
    await startReady();
    await expectNoStart({}, /store/);
  });

  it('a Redis that does not answer', async () => {
    const port = await freePort();
    await expectNoStart(
      { REDIS_URL: `redis://:secret@127.0.0.1:${port}` },
      new RegExp(`REDIS_URL: the Redis at 127\\.0\\.0\\.1:${port} cannot be used: .*ECONNREFUSED`),
    );
  });

  it('an execution provider that is not there', () =>
    expectNoStart(
      { EXECUTION_PROVIDERS: 'cuda' },
      /provider cuda does not start: .*onnxruntime-node-install=cuda12/,
    ));

  it('a recipe for a model that is not loaded', async () => {
    const path = join(folder, 'recipes.json');
    await writeFile(path, '{"soup":{"model":"spoon"}}');
    await expectNoStart(
      { RECIPES_FILE: path },
      /recipe "soup" names model "spoon", which is not loaded; loaded: tiny@1/,
    );
  });
});

it('has a worker a core also where the GPU that was asked for is not there, and says so', async () => {
  const providers = { EXECUTION_PROVIDERS: 'cuda,cpu', PROVIDER_POLICY: 'fallback', WORKERS: '' };
  const { url } = await startReady(providers);
  const ready = await fetch(`${url}/health/ready`).then((answer) => answer.json());
  const cores = availableParallelism();
  expect(ready).toMatchObject({
    workers: { ready: cores, wanted: cores },
    provider: { active: 'cpu', refused: [{ provider: 'cuda' }] },
  });
});

it('an inspection is there after kill -9 right after its answer', async () => {
  const first = await startReady();
  const { parts } = await goldenCapture(0);
  const answered = await inspect(first.url, parts, { captureId: 'survivor' });
  first.service.child.kill('SIGKILL');
  expect((await first.service.exited).signal).toBe('SIGKILL');

  const second = await startReady();
  const found = await fetch(`${second.url}/v1/inspections/${answered.inspectionId}`);
  expect((await found.json()) as Inspection).toEqual(answered);
  const map = await fetch(`${second.url}${answered.heatmap?.href}`);
  expect([map.status, map.headers.get('content-type')]).toEqual([200, 'image/png']);
});

it('SIGTERM answers the capture under way, then ends with code 0', async () => {
  const { service, port } = await startReady();
  const { parts } = await goldenCapture(0);
  const body = multipartBody('b', Object.entries(parts));
  const socket = await openSocket(port);
  const answer = readAnswer(socket);
  const head = { 'Content-Type': 'multipart/form-data; boundary=b', 'Content-Length': body.length };
  socket.write(postHead({ ...head, Connection: 'keep-alive' }));
  socket.write(body.subarray(0, 500));
  await new Promise((resolve) => setTimeout(resolve, 100));
  service.child.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.write(body.subarray(500));
  expect((await answer).status).toBe(200);
  expect(await service.exited).toMatchObject({ code: 0, stderr: '' });
});
