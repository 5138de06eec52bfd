// An identity provider for a test: its keys in a JWKS file, and tokens signed by them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const ISSUER = 'https://login.plant.example';
export const AUDIENCE = 'branchline';

export interface SigningKey {
  readonly alg: string;
  readonly privateKey: CryptoKey;
  /** As it stands in the file. */
  readonly jwk: JWK;
}

export interface Claims {
  readonly [claim: string]: unknown;
}

export interface Issuer {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  readonly keys: readonly SigningKey[];
  /** By the first key, good for five minutes, for "anna", unless `claims` say otherwise; undefined leaves a claim out. */
  token(claims?: Claims, key?: SigningKey, header?: Claims): Promise<string>;
  as(claims?: Claims): Promise<{ authorization: string }>;
  write(keys: readonly JWK[]): Promise<void>;
  remove(): Promise<void>;
}

export async function signingKey(alg: string, kid: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' } };
}

export async function issuerOf(algs: readonly string[] = ['ES256']): Promise<Issuer> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-jwks-'));
  const path = join(folder, 'jwks.json');
  const keys = await Promise.all(algs.map((alg) => signingKey(alg, `of-${alg}`)));
  const write = (jwks: readonly JWK[]) => writeFile(path, JSON.stringify({ keys: jwks }));
  await write(keys.map(({ jwk }) => jwk));
  const token: Issuer['token'] = async (claims = {}, key = keys[0], header = {}) => {
    if (key === undefined) throw new Error('the issuer has no key');
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: ISSUER, aud: AUDIENCE, sub: 'anna', iat: now, exp: now + 300, ...claims };
    const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return new SignJWT(said)
      .setProtectedHeader({ alg: key.alg, kid: key.jwk.kid as string, ...header })
      .sign(key.privateKey);
  };
  return {
    path,
    env: { JWT_JWKS_FILE: path, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE },
    keys,
    token,
    as: async (claims) => ({ authorization: `Bearer ${await token(claims)}` }),
    write,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
