// Tokens of an identity provider (JWT, RFC 7519), checked against the public keys of a file. Sole importer of jose, with
// jwks-file.ts.
import { createLocalJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { identifier } from '../inspection.js';
import { type Caller, type Identified, tokenCallerId } from './caller.js';
import { ALGORITHMS, readKeySet } from './jwks-file.js';
import { SCOPES } from './key-file.js';
import { ReloadedFile, type ReloadedFileOptions } from './reloaded-file.js';

export interface TokenRules {
  readonly issuer: string;
  readonly audience: string;
  /** Scopes, as a list or separated by blanks; those that are not ours are passed over. */
  readonly scopesClaim: string;
  /** Lines, as a list or one; "*": every line. undefined: every token is good for every line. */
  readonly linesClaim: string | undefined;
}

export interface TokensOptions extends Pick<ReloadedFileOptions<unknown>, 'path' | 'onBroken'> {
  readonly rules: TokenRules;
  /** The keys of a changed file are in force. */
  readonly onReloaded: (kids: readonly string[]) => void;
}

/** Between two clocks of one plant. */
const LEEWAY_S = 30;
const EVERY_LINE = '*';

const lineClaim = z.union([z.array(identifier).min(1), identifier.transform((line) => [line])]);
const scopeClaim = z.union([z.array(z.string()), z.string().transform((text) => text.split(' '))]);

/** Of one state of the file. */
interface KeysInForce {
  readonly kids: string[];
  /** Made once, and not for each token: it remembers the keys it has imported. */
  readonly keyOf: ReturnType<typeof createLocalJWKSet>;
}

export class Tokens {
  readonly #file: ReloadedFile<KeysInForce>;
  readonly #rules: TokenRules;

  private constructor(file: ReloadedFile<KeysInForce>, rules: TokenRules) {
    this.#file = file;
    this.#rules = rules;
  }

  /** Throws an Error of one line naming the file. */
  static async open({ path, rules, onReloaded, onBroken }: TokensOptions): Promise<Tokens> {
    const onRead = ({ kids }: KeysInForce) => onReloaded(kids);
    const file = await ReloadedFile.open({ path, read: readKeys, onReloaded: onRead, onBroken });
    return new Tokens(file, rules);
  }

  get kids(): string[] {
    return this.#file.value.kids;
  }

  /** undefined: that is no token. `nowMs` is Unix time. */
  async identify(secret: string, nowMs: number): Promise<Identified> {
    if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(secret)) return undefined;
    const { issuer, audience } = this.#rules;
    try {
      const { payload } = await jwtVerify(secret, this.#file.value.keyOf, {
        algorithms: [...ALGORITHMS],
        issuer,
        audience,
        clockTolerance: LEEWAY_S,
        currentDate: new Date(nowMs),
        requiredClaims: ['exp', 'sub'],
      });
      return this.#callerOf(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return { refused: `The token is not accepted: ${why(error)}.` };
      throw error;
    }
  }

  refresh(): Promise<void> {
    return this.#file.refresh();
  }

  #callerOf(payload: JWTPayload): Identified {
    const { scopesClaim, linesClaim } = this.#rules;
    const claimed = scopeClaim.safeParse(payload[scopesClaim] ?? []);
    const lines = linesClaim === undefined ? undefined : lineClaim.safeParse(payload[linesClaim]);
    const subject = identifier.safeParse(payload.sub);
    if (!subject.success) return { refused: claimIs('sub', 'a name') };
    if (!claimed.success) return { refused: claimIs(scopesClaim, 'a list of scopes') };
    // Fail closed: where lines are told apart, a token that says nothing of them is good for none.
    if (lines?.success === false) return { refused: claimIs(linesClaim, 'a line, a list of lines or "*"') };
    const named = lines?.data.includes(EVERY_LINE) === true ? undefined : lines?.data;
    const caller: Caller = {
      id: tokenCallerId(subject.data),
      scopes: new Set(SCOPES.filter((scope) => claimed.data.includes(scope))),
      lines: named === undefined ? undefined : new Set(named),
    };
    return { caller };
  }
}

const MISFIT: Readonly<Record<string, string>> = {
  iss: 'is not JWT_ISSUER',
  aud: 'does not name JWT_AUDIENCE',
  nbf: 'says that it does not count yet',
};

async function readKeys(path: string): Promise<KeysInForce> {
  const set = await readKeySet(path);
  return { kids: set.keys.flatMap(({ kid }) => kid ?? []), keyOf: createLocalJWKSet(set) };
}

const claimIs = (claim: string | undefined, what: string) =>
  `The token is not accepted: its claim "${claim}" must be ${what}.`;

/** What whoever set the provider up can do something about. */
function why(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'it has expired; get a new one';
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return `it must be signed by ${ALGORITHMS.join(', ')}`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'no key of JWT_JWKS_FILE is the one it names';
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'it names no key (kid), and several of JWT_JWKS_FILE could have signed it';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.reason === 'missing'
      ? `its claim "${error.claim}" is missing`
      : `its claim "${error.claim}" ${MISFIT[error.claim] ?? 'does not fit'}`;
  return 'it is no signed JWT';
}
