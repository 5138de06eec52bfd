// The signature of a bundle: Ed25519 over manifest.json, which names the sha256 of every other file.
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Beside manifest.json: the signature, base64. */
export const SIGNATURE_FILE = 'manifest.sig';

/** One or several by comma: PEM, or what stands between its two lines. Throws an Error of one line. */
export function parsePublicKeys(text: string): KeyObject[] {
  return text.split(',').map((one) => {
    const base64 = one.replaceAll(/-----[A-Z ]+-----|\s/g, '');
    let key: KeyObject;
    try {
      key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
    } catch (cause) {
      throw new Error('MODEL_PUBLIC_KEY: it is no public key; "npm run sign -- --new-key FILE" prints one', {
        cause,
      });
    }
    if (key.asymmetricKeyType === 'ed25519') return key;
    throw new Error(`MODEL_PUBLIC_KEY: it is of type ${key.asymmetricKeyType}; it must be an Ed25519 key`);
  });
}

/** Throws an Error of one line naming the bundle, unless one of `keys` signed exactly these bytes. */
export async function assertSigned(
  directory: string,
  manifest: Uint8Array,
  keys: readonly KeyObject[],
): Promise<void> {
  const path = join(directory, SIGNATURE_FILE);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(
      `${directory} is not signed: it has no ${SIGNATURE_FILE}, and MODEL_PUBLIC_KEY is set; sign it (npm run sign), ` +
        'or take the variable away',
      { cause },
    );
  });
  const signature = Buffer.from(text, 'base64');
  if (keys.some((key) => verify(null, manifest, key, signature))) return;
  throw new Error(
    `${path} does not fit: manifest.json was changed after it was signed, or no key of MODEL_PUBLIC_KEY signed it; ` +
      'copy the bundle again, or have it signed anew',
  );
}
