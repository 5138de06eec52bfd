// A file of API keys for a test, their secrets known.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiKey, formatKeys, hashOf, newSecret } from '../../src/security/key-file.js';

export interface KeyFile {
  readonly path: string;
  /** By id. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Headers of a request with the key of this id. */
  as(id: string): { authorization: string };
  write(text: string): Promise<void>;
  remove(): Promise<void>;
}

export type GivenKey = Pick<ApiKey, 'id' | 'scopes' | 'lines' | 'expires'>;

export async function keyFileOf(given: readonly GivenKey[]): Promise<KeyFile> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-keys-'));
  const path = join(folder, 'keys.json');
  const secrets = Object.fromEntries(given.map(({ id }) => [id, newSecret()]));
  const keys = given.map((key) => ({ ...key, sha256: hashOf(secrets[key.id] ?? '').toString('hex') }));
  await writeFile(path, formatKeys(keys));
  return {
    path,
    secrets,
    as: (id) => ({ authorization: `Bearer ${secrets[id]}` }),
    write: (text) => writeFile(path, text),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
