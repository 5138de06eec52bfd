// Signed bundles: made by the command, asked for by the service, refused where anything was changed.
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openBundle } from '../../src/bundle/bundle.js';
import { parsePublicKeys } from '../../src/bundle/signature.js';
import { startService } from '../support/service.js';
import { copyTinyBundle } from '../support/tiny-bundle.js';

const COMMAND = fileURLToPath(new URL('../../src/commands/sign.js', import.meta.url));
const run = async (...args: string[]) =>
  (await promisify(execFile)(process.execPath, [COMMAND, ...args])).stdout;

let copy: Awaited<ReturnType<typeof copyTinyBundle>>;
let keyFile: string;
/** The value of MODEL_PUBLIC_KEY. */
let publicKey: string;
beforeEach(async () => {
  copy = await copyTinyBundle();
  keyFile = join(copy.modelsDir, 'signing.pem');
  publicKey = (await run('--new-key', keyFile)).trim().replace('MODEL_PUBLIC_KEY=', '');
  await run(copy.bundleDir, '--key', keyFile);
});
afterEach(() => copy.remove());

const open = (key = publicKey) => openBundle(copy.bundleDir, parsePublicKeys(key));
const stranger = () =>
  generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string;

describe('a bundle that must be signed', () => {
  it('is opened with the key it was signed for, alone or beside others', async () => {
    expect((await open()).key).toBe('tiny@1');
    expect((await open(`${stranger()},${publicKey}`)).key).toBe('tiny@1');
  });

  it('is refused without a signature', async () => {
    await rm(join(copy.bundleDir, 'manifest.sig'));
    await expect(open()).rejects.toThrow(
      /is not signed: it has no manifest\.sig, and MODEL_PUBLIC_KEY is set/,
    );
  });

  it('is refused where another key signed it', async () => {
    await expect(open(stranger())).rejects.toThrow(/manifest\.sig does not fit/);
  });

  it('is refused where its manifest was changed by as much as a space', async () => {
    const path = join(copy.bundleDir, 'manifest.json');
    await writeFile(path, `${await readFile(path, 'utf8')} `);
    expect((await openBundle(copy.bundleDir)).key).toBe('tiny@1');
    await expect(open()).rejects.toThrow(/manifest\.json was changed after it was signed/);
  });

  it('ends the start of a service that asks for it', async () => {
    const env = { MODELS_DIR: copy.modelsDir, MODELS: 'tiny', MODEL_PUBLIC_KEY: publicKey };
    const service = await startService(env);
    await service.close();
    await rm(join(copy.bundleDir, 'manifest.sig'));
    await expect(startService(env)).rejects.toThrow(/is not signed/);
  });
});

describe('a public key', () => {
  it.each([
    ['is none', 'nonsense', /^MODEL_PUBLIC_KEY: it is no public key/],
    [
      'is of another kind',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
        type: 'spki',
        format: 'pem',
      }) as string,
      /^MODEL_PUBLIC_KEY: it is of type ec; it must be an Ed25519 key/,
    ],
  ])('that %s is refused', (_, text, message) => {
    expect(() => parsePublicKeys(text)).toThrow(message);
  });
});

describe('npm run sign', () => {
  it('keeps its key for itself, and never overwrites one', async () => {
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(await run('--public', '--key', keyFile)).toBe(`MODEL_PUBLIC_KEY=${publicKey}\n`);
    await expect(run('--new-key', keyFile)).rejects.toThrow(/EEXIST/);
  });

  it('signs no bundle that is broken', async () => {
    await writeFile(join(copy.bundleDir, 'heads', 'rgb.onnx'), 'other');
    await expect(run(copy.bundleDir, '--key', keyFile)).rejects.toThrow(/rgb\.onnx has 5 bytes/);
  });
});
