// The file of public keys that tokens are signed with (JWKS, RFC 7517): what of it may be used.
import { readFile } from 'node:fs/promises';
import { importJWK, type JSONWebKeySet, type JWK } from 'jose';
import { z } from 'zod';

/** Signatures by a key of two halves alone: whoever can check an HS256 token can also make one. */
export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const;
type Algorithm = (typeof ALGORITHMS)[number];

const keySet = z.object({
  keys: z
    .array(
      z.looseObject({
        kty: z.string(),
        kid: z.string().optional(),
        use: z.string().optional(),
        alg: z.string().optional(),
        crv: z.string().optional(),
        n: z.string().optional(),
      }),
    )
    .min(1, 'holds no key'),
});
type Key = z.infer<typeof keySet>['keys'][number];

/** Throws an Error of one line naming the file. */
export async function readKeySet(path: string): Promise<JSONWebKeySet> {
  const refuse = (words: string, cause?: unknown) => new Error(`JWT_JWKS_FILE: ${path} ${words}`, { cause });
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw refuse(`cannot be read: ${cause.message}`, cause);
  });
  const parsed = keySet.safeParse(jsonOf(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw refuse(`is no JWKS: ${z.core.toDotPath(issue?.path ?? [])} ${issue?.message}`);
  }
  const usable: JWK[] = [];
  for (const key of parsed.data.keys) {
    const name = key.kid === undefined ? 'a key without kid' : `key "${key.kid}"`;
    // "oct" is a shared secret and "d" the private half: neither belongs into a file that is handed around.
    if (key.kty === 'oct' || 'd' in key) throw refuse(`holds a secret, ${name}: give it public keys alone`);
    const algorithm = algorithmOf(key);
    if (algorithm === undefined) continue;
    const jwk = { ...key, alg: algorithm } as JWK;
    await importJWK(jwk).catch((cause: Error) => {
      throw refuse(`has ${name}, which is broken: ${cause.message}`, cause);
    });
    usable.push(jwk);
  }
  if (usable.length === 0)
    throw refuse(`has no key to check ${ALGORITHMS.join(', ')} with; RSA keys need 2048 bits`);
  return { keys: usable };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** undefined: made for something else, such as encryption, or too weak; providers put all their keys into one file. */
function algorithmOf({ kty, crv, use, alg, n = '' }: Key): Algorithm | undefined {
  if (use !== undefined && use !== 'sig') return undefined;
  const algorithm =
    kty === 'RSA' && Buffer.from(n, 'base64url').length * 8 >= 2048
      ? 'RS256'
      : kty === 'EC' && crv === 'P-256'
        ? 'ES256'
        : kty === 'OKP' && crv === 'Ed25519'
          ? 'EdDSA'
          : undefined;
  return alg === undefined || alg === algorithm ? algorithm : undefined;
}
