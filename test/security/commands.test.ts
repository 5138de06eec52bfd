// npm run keys: what it makes, the service takes.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KeyRing } from '../../src/security/key-ring.js';

const COMMAND = fileURLToPath(new URL('../../src/commands/keys.js', import.meta.url));

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-keys-'));
  file = join(folder, 'made', 'keys.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const keys = (...args: string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [COMMAND, ...args, '--file', file], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
const ring = () => KeyRing.open({ path: file, onReloaded: () => {}, onBroken: () => {} });

describe('npm run keys', () => {
  it('prints a secret that the service knows, and keeps only its hash', async () => {
    const made = await keys('add', '--id', 'cam', '--scopes', 'ingest,read', '--lines', 'line-1, line-2');
    expect(made.code).toBe(0);
    const secret = made.stdout.trim();
    expect(secret).toMatch(/^bl_[\w-]{43}$/);
    expect((await ring()).identify(secret, 0)).toMatchObject({
      caller: { id: 'cam', scopes: new Set(['ingest', 'read']), lines: new Set(['line-1', 'line-2']) },
    });
    expect(await readFile(file, 'utf8')).not.toContain(secret);
    expect((await stat(file)).mode & 0o007).toBe(0);
  });

  it('lists keys and removes one', async () => {
    await keys('add', '--id', 'mes', '--scopes', 'read', '--expires', '2027-01-31T00:00:00Z');
    const { stdout: secret } = await keys('add', '--id', 'cam', '--scopes', 'ingest');
    expect((await keys('list')).stdout).toBe(
      'mes  read  lines: all  expires: 2027-01-31T00:00:00Z\ncam  ingest  lines: all  expires: never\n',
    );
    expect((await keys('remove', '--id', 'cam')).code).toBe(0);
    expect((await ring()).identify(secret.trim(), 0)).toBeUndefined();
    expect((await ring()).ids).toEqual(['mes']);
  });

  it.each([
    [['add', '--scopes', 'read'], '--id is missing'],
    [['add', '--id', 'mes'], '--scopes is missing'],
    [['add', '--id', 'MES', '--scopes', 'read'], '--id MES: must be 1 to 64 lower-case letters'],
    [['add', '--id', 'mes', '--scopes', 'write'], '--scopes write: must be of ingest, read, review, admin'],
    [
      ['add', '--id', 'mes', '--scopes', 'read', '--expires', 'soon'],
      '--expires soon: must be a time with a zone',
    ],
    [['rotate'], '"rotate" is no command'],
    [['add', '--name', 'mes'], "Unknown option '--name'"],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await keys(...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
