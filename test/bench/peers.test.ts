// The peers of the benchmark: what they run on is pinned, and one that cannot be installed says why.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { startServer } from '../../bench/child-server.js';
import { peersPython, peersVersions } from '../../bench/contenders/python.js';

const packageFile = fileURLToPath(new URL('../../../package.json', import.meta.url));

it('pins every package, and ONNX Runtime to the version the service has', async () => {
  const versions = await peersVersions();
  expect(versions.length).toBeGreaterThan(4);
  for (const requirement of versions) expect(requirement).toMatch(/^[a-z[\]]+==[\d.]+$/);
  const { dependencies } = JSON.parse(await readFile(packageFile, 'utf8'));
  expect(versions).toContain(`onnxruntime==${dependencies['onnxruntime-node']}`);
});

it('says in one line why the virtual environment cannot be made', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-peers-'));
  try {
    await expect(peersPython(join(folder, 'venv'), 'no-such-python')).rejects.toThrow(
      'its virtual environment cannot be made: spawn no-such-python ENOENT',
    );
    // A python that does not know "-m venv".
    await expect(peersPython(join(folder, 'venv'), process.execPath)).rejects.toThrow(
      /^its virtual environment cannot be made: \S.*$/,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('gives the last words of a server that does not start, and says which one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-peers-'));
  const server = (command: string, ...args: string[]) =>
    startServer({
      what: 'mosec',
      command,
      args,
      env: {},
      readyUrl: 'http://127.0.0.1:1/',
      logFile: join(folder, 'mosec.log'),
    });
  try {
    await expect(
      server(process.execPath, '-e', 'console.error("no graph"); process.exit(3)'),
    ).rejects.toThrow('mosec did not start: no graph');
    await expect(server(join(folder, 'nothing'))).rejects.toThrow(/^mosec cannot be started: .*ENOENT/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
