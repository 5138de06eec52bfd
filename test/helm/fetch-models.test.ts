// The init container's script, run as the chart runs it.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { chartDir } from './chart.js';

const script = readFileSync(`${chartDir}files/fetch-models.mjs`, 'utf8');

let folder: string;
let models: string;
let archive: Buffer;
let server: Server;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-fetch-'));
  await mkdir(join(folder, 'packed', 'bracket', '1'), { recursive: true });
  await writeFile(join(folder, 'packed', 'bracket', '1', 'manifest.json'), '{}');
  const packed = join(folder, 'models.tar.gz');
  await promisify(execFile)('tar', ['-czf', packed, '-C', join(folder, 'packed'), 'bracket']);
  archive = await readFile(packed);
  server = createServer((request, response) => {
    if (request.url === '/models.tar.gz') response.end(archive);
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  models = await mkdtemp(join(folder, 'models-'));
});

function fetchModels(from: string, sha256: string): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--input-type=module', '--eval', script, from, sha256, models],
      (error, _stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stderr }),
    );
  });
}

const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('fetching models', () => {
  it('unpacks the archive whose sha256 is right, and leaves nothing else', async () => {
    expect(await fetchModels(`${url}/models.tar.gz`, sha256Of(archive))).toEqual({ code: 0, stderr: '' });
    expect(await readdir(models)).toEqual(['bracket']);
    expect(await readFile(join(models, 'bracket', '1', 'manifest.json'), 'utf8')).toBe('{}');
  });

  it('unpacks nothing where the sha256 differs, and says both', async () => {
    const expected = 'ab'.repeat(32);
    const { code, stderr } = await fetchModels(`${url}/models.tar.gz`, expected);
    expect(code).toBe(1);
    expect(stderr).toContain(`has sha256 ${sha256Of(archive)}, and ${expected} was expected`);
    expect(await readdir(models)).toEqual([]);
  });

  it('says what the server answers', async () => {
    const { code, stderr } = await fetchModels(`${url}/other.tar.gz`, sha256Of(archive));
    expect([code, stderr]).toEqual([1, `models.download: ${url}/other.tar.gz answers 404\n`]);
    expect(await readdir(models)).toEqual([]);
  });
});
