// The API keys in force: who sent a secret, and the same file read again whenever it changes.
import { timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type ApiKey, hashOf, parseKeys, type Scope } from './key-file.js';

/** Whoever a key stands for. */
export interface Caller {
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  /** undefined: every line. */
  readonly lines: ReadonlySet<string> | undefined;
}

export type Identified = { readonly caller: Caller } | { readonly expired: ApiKey } | undefined;

export interface KeyRingOptions {
  readonly path: string;
  /** The keys of a changed file are in force. */
  readonly onReloaded: (ids: readonly string[]) => void;
  /** The file changed and cannot be used: the keys from before stay in force. Once for each change. */
  readonly onBroken: (error: Error) => void;
}

interface Held {
  readonly hash: Buffer;
  readonly key: ApiKey;
  readonly caller: Caller;
}

export class KeyRing {
  readonly #options: KeyRingOptions;
  #held: readonly Held[];
  /** Of the file as it was last looked at. */
  #seen: string;
  #looking: Promise<void> | undefined;

  private constructor(options: KeyRingOptions, keys: readonly ApiKey[], seen: string) {
    this.#options = options;
    this.#held = keys.map(hold);
    this.#seen = seen;
  }

  /** Throws an Error of one line naming the file. */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const seen = await signOf(options.path);
    return new KeyRing(options, await readKeys(options.path), seen);
  }

  get ids(): string[] {
    return this.#held.map(({ key }) => key.id);
  }

  /** undefined: no key has this secret. `nowMs` is Unix time. */
  identify(secret: string, nowMs: number): Identified {
    const hash = hashOf(secret);
    let found: Held | undefined;
    // All of them, whichever fits: how long it takes says nothing of how near a guess was.
    for (const held of this.#held) if (timingSafeEqual(held.hash, hash)) found = held;
    if (found === undefined) return undefined;
    const { key, caller } = found;
    const isExpired = key.expires !== undefined && Date.parse(key.expires) <= nowMs;
    return isExpired ? { expired: key } : { caller };
  }

  /** Looks whether the file changed. Never rejects; one look at a time. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { path, onReloaded, onBroken } = this.#options;
    const seen = await signOf(path);
    if (seen === this.#seen) return;
    try {
      this.#held = (await readKeys(path)).map(hold);
      onReloaded(this.ids);
    } catch (error) {
      onBroken(error as Error);
    }
    // After the read: a change in between shows at the next look.
    this.#seen = seen;
  }
}

function hold(key: ApiKey): Held {
  return {
    hash: Buffer.from(key.sha256, 'hex'),
    key,
    caller: {
      id: key.id,
      scopes: new Set(key.scopes),
      lines: key.lines === undefined ? undefined : new Set(key.lines),
    },
  };
}

async function readKeys(path: string): Promise<ApiKey[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new Error(`API_KEYS_FILE: ${path} cannot be read: ${cause.message}`, { cause });
  });
  try {
    return parseKeys(text);
  } catch (cause) {
    throw new Error(`API_KEYS_FILE: ${path} ${(cause as Error).message}`, { cause });
  }
}

/** Polled rather than watched: a mounted secret is a link that is turned to another folder, which no watch sees. */
async function signOf(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  return facts === undefined ? 'absent' : `${facts.ino} ${facts.size} ${facts.mtimeNs} ${facts.ctimeNs}`;
}
