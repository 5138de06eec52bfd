// ONNX Runtime reports to nobody: it leaves no device id, no events and no log of theirs behind.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { captureForm, readJson } from '../support/client.js';
import { freePort, spawnService, untilReady } from '../support/process.js';
import { goldenCapture } from '../support/tiny-bundle.js';

let folder: string | undefined;
afterEach(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

it('judges, and writes nothing to the home folder and the temporary folder', async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-telemetry-'));
  const { HOME, TMPDIR, STORE_PATH } = {
    HOME: await mkdtemp(join(folder, 'home-')),
    TMPDIR: await mkdtemp(join(folder, 'tmp-')),
    STORE_PATH: join(folder, 'store'),
  };
  const port = await freePort();
  // The library also keeps still where it sees CI in its environment; spawnService passes none of this process's own.
  const service = spawnService({ HOME, TMPDIR, STORE_PATH, PORT: String(port) });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, service);
  const body = captureForm((await goldenCapture(0)).parts, {});
  const answer = await fetch(`${url}/v1/inspections`, { method: 'POST', body });
  expect((await readJson<Inspection>(answer)).body.verdict).not.toBe('NOT_DECIDABLE');
  service.child.kill('SIGTERM');
  expect((await service.exited).code).toBe(0);
  expect(await readdir(HOME, { recursive: true })).toEqual([]);
  expect(await readdir(TMPDIR, { recursive: true })).toEqual([]);
});
