// npm run sign: signs a bundle, so that a service with MODEL_PUBLIC_KEY takes it.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBundle } from '../bundle/bundle.js';
import { SIGNATURE_FILE } from '../bundle/signature.js';
import { runCommand, UsageError } from './command-line.js';

const HELP = `npm run sign -- --new-key FILE          make a key: FILE holds the private half, keep it where models are made
npm run sign -- BUNDLE --key FILE       sign models/<name>/<version>; the bundle is checked first
npm run sign -- --public --key FILE     print the public half again

The public half, as printed, is MODEL_PUBLIC_KEY of the service: it then takes only bundles signed with FILE.
The key is an Ed25519 key in PEM, as "openssl genpkey -algorithm ed25519" makes it too.
`;

await runCommand('sign', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      key: { type: 'string' },
      'new-key': { type: 'string' },
      public: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const [bundle, ...rest] = positionals;
  if (values.help) return print(HELP);
  if (values['new-key'] !== undefined) return newKey(values['new-key']);
  if (values.key === undefined) throw new UsageError('--key is missing: the file with the private key');
  const key = await readKey(values.key);
  if (values.public) return print(publicHalf(key));
  if (bundle === undefined || rest.length > 0)
    throw new UsageError('name one bundle: models/<name>/<version>');
  return signBundle(bundle, key);
});

async function newKey(file: string): Promise<number> {
  const { privateKey } = generateKeyPairSync('ed25519');
  // Never over another key: what it signed could not be signed again.
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  return print(publicHalf(privateKey));
}

async function signBundle(directory: string, key: KeyObject): Promise<number> {
  // A signature says that the bundle is whole; it should be.
  const { key: name } = await openBundle(directory);
  const manifest = await readFile(join(directory, 'manifest.json'));
  const path = join(directory, SIGNATURE_FILE);
  await writeFile(path, `${sign(null, manifest, key).toString('base64')}\n`);
  return print(`${name} is signed: ${path}\n`);
}

async function readKey(file: string): Promise<KeyObject> {
  const key = createPrivateKey(await readFile(file));
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new Error(`${file} is a key of type ${key.asymmetricKeyType}; it must be an Ed25519 key`);
}

function publicHalf(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return `MODEL_PUBLIC_KEY=${der.toString('base64')}\n`;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
