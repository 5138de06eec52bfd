// npm run keys: makes, lists and removes API keys in the file the service reads.
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import type { z } from 'zod';
import {
  type ApiKey,
  expiry,
  formatKeys,
  hashOf,
  keyId,
  lineIds,
  newSecret,
  parseKeys,
  scopes,
} from '../security/key-file.js';
import { runCommand, UsageError } from './command-line.js';

const HELP = `npm run keys -- add --id mes --scopes read,review [--lines L1,L2] [--expires 2027-01-31T00:00:00Z]
npm run keys -- list
npm run keys -- remove --id mes

  --file FILE   the file of keys; otherwise API_KEYS_FILE, otherwise var/api-keys.json

"add" prints the secret, once: the file holds only its hash. A running service reads a changed file within seconds.
Scopes: ingest (send captures), read (results, feed, metrics), review (say what a part really was),
admin (recipes, webhooks, change-overs, consumers). None holds another. To renew a key, add a second one, change the
client, remove the first.
`;

await runCommand('keys', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      file: { type: 'string' },
      id: { type: 'string' },
      scopes: { type: 'string' },
      lines: { type: 'string' },
      expires: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help) return print(HELP);
  if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one word too many`);
  // Not the service's configuration: this runs beside it, often as somebody else.
  const file = values.file ?? process.env.API_KEYS_FILE ?? 'var/api-keys.json';
  const keys = await readKeys(file);
  switch (command) {
    case 'add':
      return add(file, keys, values);
    case 'list':
      return print(keys.map(describe).join(''));
    case 'remove':
      return remove(file, keys, checked('id', keyId, values.id));
    default:
      throw new UsageError(command === undefined ? 'say add, list or remove' : `"${command}" is no command`);
  }
});

async function add(
  file: string,
  keys: ApiKey[],
  given: { id?: string; scopes?: string; lines?: string; expires?: string },
): Promise<number> {
  const id = checked('id', keyId, given.id);
  if (keys.some((key) => key.id === id))
    throw new UsageError(`--id ${id}: there is such a key; remove it first, or give this one another id`);
  const secret = newSecret();
  const key = {
    id,
    sha256: hashOf(secret).toString('hex'),
    scopes: checked('scopes', scopes, listed(given.scopes)),
    ...(given.lines !== undefined && { lines: checked('lines', lineIds, listed(given.lines)) }),
    ...(given.expires !== undefined && { expires: checked('expires', expiry, given.expires) }),
    createdAt: new Date().toISOString(),
  };
  await writeKeys(file, [...keys, key]);
  process.stderr.write(`Key "${id}" is in ${file}. This is its secret; it is shown this once:\n`);
  return print(`${secret}\n`);
}

async function remove(file: string, keys: ApiKey[], id: string): Promise<number> {
  const left = keys.filter((key) => key.id !== id);
  if (left.length === keys.length) throw new Error(`there is no key "${id}" in ${file}`);
  await writeKeys(file, left);
  return print(`Key "${id}" is gone from ${file}.\n`);
}

function describe({ id, scopes, lines, expires }: ApiKey): string {
  return `${id}  ${scopes.join(',')}  lines: ${lines?.join(',') ?? 'all'}  expires: ${expires ?? 'never'}\n`;
}

async function readKeys(file: string): Promise<ApiKey[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return [];
  try {
    return parseKeys(text);
  } catch (cause) {
    throw new Error(`${file} ${(cause as Error).message}`, { cause });
  }
}

/** In one step: the service must never read half a file. */
async function writeKeys(file: string, keys: readonly ApiKey[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const next = `${file}.new`;
  await writeFile(next, formatKeys(keys), { mode: 0o640 }).catch((cause: Error) => {
    throw new Error(`${file} cannot be written: ${cause.message}`, { cause });
  });
  await chmod(next, 0o640);
  await rename(next, file);
}

function checked<T>(option: string, schema: z.ZodType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  if (given === undefined) throw new UsageError(`--${option} is missing`);
  throw new UsageError(`--${option} ${String(given)}: ${parsed.error.issues[0]?.message}`);
}

function listed(text: string | undefined): string[] | undefined {
  return text?.split(',').map((item) => item.trim());
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
