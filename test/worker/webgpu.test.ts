// The way through a GPU, on a device that is software: the service passes its self-test there and answers as on the CPU.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { inspect } from '../support/client.js';
import { freePort, type ServiceProcess, spawnService, untilReady } from '../support/process.js';
import { goldenCapture } from '../support/tiny-bundle.js';

/** SwiftShader, a Vulkan device in software, which Chromium brings. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const HOW_TO_GET_IT = `${SWIFTSHADER} is missing: "apt-get install chromium libvulkan1" (Debian) brings it.`;

let folder: string;
const running: ServiceProcess[] = [];
beforeAll(async () => {
  if (!existsSync(SWIFTSHADER)) throw new Error(HOW_TO_GET_IT);
  folder = await mkdtemp(join(tmpdir(), 'branchline-webgpu-'));
});
afterAll(async () => {
  for (const { child, exited } of running) {
    child.kill('SIGTERM');
    await exited;
  }
  await rm(folder, { recursive: true, force: true });
});

async function startOn(provider: string): Promise<string> {
  const port = await freePort();
  const service = spawnService({
    PORT: `${port}`,
    STORE_PATH: join(folder, provider),
    EXECUTION_PROVIDERS: provider,
    WORKERS: '',
    VK_ICD_FILENAMES: SWIFTSHADER,
    XDG_RUNTIME_DIR: folder,
  });
  running.push(service);
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, service);
  return url;
}

it('answers several captures at once as the CPU does, and says what it runs on', async () => {
  const [onGpu, onCpu] = await Promise.all([startOn('webgpu'), startOn('cpu')]);
  const ready = await fetch(`${onGpu}/health/ready`).then((answer) => answer.json());
  expect(ready).toMatchObject({
    provider: { active: 'webgpu', refused: [] },
    warnings: [],
    workers: { wanted: 1 },
  });
  const { parts } = await goldenCapture(0);
  const ask = (url: string, names: readonly string[]) =>
    inspect(url, Object.fromEntries(Object.entries(parts).filter(([name]) => names.includes(name))));
  const subsets = [['rgb'], ['depth', 'rgb'], ['acoustic'], ['acoustic', 'depth', 'rgb']];
  const [gpu, cpu] = await Promise.all(
    [onGpu, onCpu].map((url) => Promise.all(subsets.map((names) => ask(url, names)))),
  );
  gpu?.forEach((answer, at) => {
    expect(answer.branch).toBe(subsets[at]?.join('+'));
    expect(answer.score).toBeCloseTo(cpu?.[at]?.score ?? Number.NaN, 5);
  });
});
