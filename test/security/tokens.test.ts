// Tokens of an identity provider: which are accepted, what they may do, and what happens to the file of keys.
import { createHmac } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { exportJWK } from 'jose';
import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';
import { type TokenRules, Tokens } from '../../src/security/tokens.js';
import { captureForm, readJson } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';
import { goldenCapture } from '../support/tiny-bundle.js';
import { AUDIENCE, ISSUER, type Issuer, issuerOf, type SigningKey, signingKey } from './issuer.js';
import { keyFileOf } from './keys.js';

const base64url = (value: object | string) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const nowS = () => Math.floor(Date.now() / 1000);

let issuer: Issuer;
beforeAll(async () => {
  issuer = await issuerOf(['RS256', 'ES256', 'EdDSA']);
});
afterAll(() => issuer.remove());

async function tokensOf(rules: Partial<TokenRules> = {}, path = issuer.path) {
  const onReloaded = jest.fn();
  const onBroken = jest.fn<(error: Error) => void>();
  const all = { issuer: ISSUER, audience: AUDIENCE, scopesClaim: 'scope', linesClaim: undefined, ...rules };
  return { tokens: await Tokens.open({ path, rules: all, onReloaded, onBroken }), onReloaded, onBroken };
}
const identify = async (token: string, rules: Partial<TokenRules> = {}) =>
  (await tokensOf(rules)).tokens.identify(token, Date.now());
const refused = (words: string) => ({ refused: `The token is not accepted: ${words}.` });

describe('a token', () => {
  it.each([0, 1, 2])('is accepted by each algorithm of the list: %#', async (at) => {
    const token = await issuer.token({ scope: 'read openid review' }, issuer.keys[at]);
    expect(await identify(token)).toEqual({
      caller: { id: 'jwt:anna', scopes: new Set(['read', 'review']), lines: undefined },
    });
  });

  it('is refused unsigned, and signed by the public key as if it were a shared secret', async () => {
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'anna', exp: nowS() + 300, scope: 'admin' };
    const words = refused('it must be signed by RS256, ES256, EdDSA');
    expect(await identify(`${base64url({ alg: 'none' })}.${base64url(claims)}.`)).toEqual(words);
    for (const secret of [JSON.stringify(issuer.keys[0]?.jwk), await readFile(issuer.path, 'utf8')]) {
      const said = `${base64url({ alg: 'HS256', kid: 'of-RS256' })}.${base64url(claims)}`;
      const token = `${said}.${createHmac('sha256', secret).update(said).digest('base64url')}`;
      expect(await identify(token)).toEqual(words);
    }
  });

  it.each(['RS512', 'PS256', 'ES384'])('is refused by %s, which is not on the list', async (alg) => {
    const key = await signingKey(alg, 'of-RS256');
    expect(await identify(await issuer.token({}, key))).toEqual(
      refused('it must be signed by RS256, ES256, EdDSA'),
    );
  });

  it('is refused when a stranger signed it, or anything of it was changed', async () => {
    const stranger = await signingKey('ES256', 'of-ES256');
    expect(await identify(await issuer.token({}, stranger))).toEqual(refused('its signature is wrong'));
    const unknown = await signingKey('ES256', 'nobody');
    expect(await identify(await issuer.token({}, unknown))).toEqual(
      refused('no key of JWT_JWKS_FILE is the one it names'),
    );
    const [header, , signature] = (await issuer.token({ scope: 'read' })).split('.');
    const changed = base64url({ iss: ISSUER, aud: AUDIENCE, sub: 'anna', exp: nowS() + 300, scope: 'admin' });
    expect(await identify(`${header}.${changed}.${signature}`)).toEqual(refused('its signature is wrong'));
  });

  it.each([
    [{ exp: 31 }, 'it has expired; get a new one'],
    [{ nbf: -31 }, 'its claim "nbf" says that it does not count yet'],
    [{ exp: undefined }, 'its claim "exp" is missing'],
    [{ sub: undefined }, 'its claim "sub" is missing'],
    [{ sub: 'line\nbreak' }, 'its claim "sub" must be a name'],
    [{ iss: 'https://else' }, 'its claim "iss" is not JWT_ISSUER'],
    [{ iss: undefined }, 'its claim "iss" is missing'],
    [{ aud: 'payroll' }, 'its claim "aud" does not name JWT_AUDIENCE'],
    [{ aud: undefined }, 'its claim "aud" is missing'],
    [{ scope: 7 }, 'its claim "scope" must be a list of scopes'],
  ])('with %j is refused', async (claims, words) => {
    // Seconds ago, for times.
    const said = Object.entries(claims).map(([claim, value]) => [
      claim,
      (claim === 'exp' || claim === 'nbf') && typeof value === 'number' ? nowS() - value : value,
    ]);
    expect(await identify(await issuer.token(Object.fromEntries(said)))).toEqual(refused(words));
  });

  it('is accepted between clocks that are some seconds apart', async () => {
    expect(await identify(await issuer.token({ exp: nowS() - 20 }))).toHaveProperty('caller');
    expect(await identify(await issuer.token({ nbf: nowS() + 20 }))).toHaveProperty('caller');
  });

  it('is none where it does not look like one', async () => {
    for (const text of ['', 'bl_abc', 'a.b', 'a.b.c.d', 'a b.c.d'])
      expect(await identify(text)).toBeUndefined();
    expect(await identify('a.b.c')).toEqual(refused('it is no signed JWT'));
  });

  it('says its scopes and lines by the claims that are configured', async () => {
    const rules = { scopesClaim: 'roles', linesClaim: 'https://plant/lines' };
    const say = async (lines: unknown) =>
      identify(await issuer.token({ roles: ['ingest', 'other'], 'https://plant/lines': lines }), rules);
    const scopes = new Set(['ingest']);
    expect(await say(['line-1', 'line-2'])).toEqual({
      caller: { id: 'jwt:anna', scopes, lines: new Set(['line-1', 'line-2']) },
    });
    expect(await say('line-1')).toHaveProperty('caller.lines', new Set(['line-1']));
    expect(await say('*')).toHaveProperty('caller.lines', undefined);
    for (const nothing of [undefined, [], '', [7], null])
      expect(await say(nothing)).toEqual(
        refused('its claim "https://plant/lines" must be a line, a list of lines or "*"'),
      );
  });
});

describe('the file of keys', () => {
  it('is taken over when it changes: a new key is known, one that is gone is not', async () => {
    const own = await issuerOf();
    const { tokens, onReloaded } = await tokensOf({}, own.path);
    const old = await own.token();
    const next = await signingKey('EdDSA', 'next');
    await own.write([next.jwk]);
    await tokens.refresh();
    await tokens.refresh();
    expect(onReloaded.mock.calls).toEqual([[['next']]]);
    expect(await tokens.identify(await own.token({}, next), Date.now())).toHaveProperty('caller');
    expect(await tokens.identify(old, Date.now())).toHaveProperty('refused');
    await own.remove();
  });

  it('changes nothing while it is broken', async () => {
    const own = await issuerOf();
    const { tokens, onBroken } = await tokensOf({}, own.path);
    await writeFile(own.path, '{"keys":[');
    await tokens.refresh();
    expect(onBroken.mock.calls.map(([error]) => error.message)).toEqual([
      expect.stringContaining(`JWT_JWKS_FILE: ${own.path} is no JWKS`),
    ]);
    expect(await tokens.identify(await own.token(), Date.now())).toHaveProperty('caller');
    await own.remove();
  });

  it('is refused with secrets in it, with nothing usable, or broken', async () => {
    const own = await issuerOf();
    const es = own.keys[0];
    const secret = { ...(await exportJWK((es as SigningKey).privateKey)), kid: 'private' };
    const weak = { kty: 'RSA', n: Buffer.alloc(128, 255).toString('base64url'), e: 'AQAB', kid: 'weak' };
    const cases: [object[], RegExp][] = [
      [[secret], /holds a secret, key "private": give it public keys alone$/],
      [[{ kty: 'oct', k: 'c2VjcmV0' }], /holds a secret, a key without kid/],
      [[weak], /has no key to check RS256, ES256, EdDSA with; RSA keys need 2048 bits$/],
      [[{ ...es?.jwk, use: 'enc' }], /has no key to check/],
      [[{ ...es?.jwk, x: 'AA' }], /has key "of-ES256", which is broken/],
      [[], /is no JWKS: keys holds no key$/],
    ];
    for (const [jwks, words] of cases) {
      await own.write(jwks as never);
      await expect(tokensOf({}, own.path)).rejects.toThrow(words);
    }
    await own.remove();
    await expect(tokensOf({}, own.path)).rejects.toThrow(/^JWT_JWKS_FILE: .* cannot be read/);
  });

  it('passes over the keys a provider has for other things', async () => {
    const own = await issuerOf();
    await own.write([
      ...own.keys.map(({ jwk }) => jwk),
      { ...own.keys[0]?.jwk, kid: 'enc', use: 'enc' } as never,
    ]);
    expect((await tokensOf({}, own.path)).tokens.kids).toEqual(['of-ES256']);
    await own.remove();
  });
});

describe('a token that names no key', () => {
  it('is accepted where one key alone could have signed it, and refused where several could', async () => {
    const own = await issuerOf(['ES256', 'RS256']);
    const unnamed = await own.token({}, own.keys[0], { kid: undefined });
    const identified = async () => (await tokensOf({}, own.path)).tokens.identify(unnamed, Date.now());
    expect(await identified()).toHaveProperty('caller.id', 'jwt:anna');
    await own.write([...own.keys, await signingKey('ES256', 'the-next')].map(({ jwk }) => jwk));
    expect(await identified()).toEqual(
      refused('it names no key (kid), and several of JWT_JWKS_FILE could have signed it'),
    );
    await own.remove();
  });
});

describe('the service', () => {
  let service: RunningService;
  let parts: Readonly<Record<string, Buffer>>;
  beforeAll(async () => {
    service = await startService({ ...issuer.env, JWT_LINES_CLAIM: 'lines' });
    parts = (await goldenCapture(0)).parts;
  });
  afterAll(() => service.close());
  const post = async (claims: object, metadata: object) =>
    readJson<Inspection & Problem>(
      await fetch(`${service.url}/v1/inspections`, {
        method: 'POST',
        headers: await issuer.as({ ...claims }),
        body: captureForm(parts, metadata),
      }),
    );

  it('judges for a token, on its lines alone, and says whose token it was', async () => {
    const claims = { scope: 'ingest', lines: ['line-1'] };
    expect((await post(claims, { lineId: 'line-1' })).status).toBe(200);
    expect(await post(claims, { lineId: 'line-2' })).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining('The token of "anna" is bound to "line-1"') },
    });
    expect(await post({ scope: 'read', lines: '*' }, {})).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining('The token of "anna" may read;') },
    });
    expect(await post({ scope: 'openid', lines: '*' }, {})).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining('The token of "anna" may do nothing here;') },
    });
  });

  it('says what is wrong with a token, in the words of RFC 6750', async () => {
    const response = await fetch(`${service.url}/v1/models`, {
      headers: await issuer.as({ exp: nowS() - 60, lines: '*' }),
    });
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="branchline", error="invalid_token"');
    expect(await readJson<Problem>(response)).toMatchObject({
      status: 401,
      body: { code: 'UNAUTHENTICATED', detail: 'The token is not accepted: it has expired; get a new one.' },
    });
    expect((await fetch(`${service.url}/v1/models`)).status).toBe(401);
  });

  it('takes API keys beside tokens', async () => {
    const keys = await keyFileOf([{ id: 'mes', scopes: ['read'] }]);
    const both = await startService({ ...issuer.env, API_KEYS_FILE: keys.path });
    for (const headers of [keys.as('mes'), await issuer.as({ scope: 'read' })])
      expect((await fetch(`${both.url}/v1/lines`, { headers })).status).toBe(200);
    await both.close();
    await keys.remove();
  });
});
