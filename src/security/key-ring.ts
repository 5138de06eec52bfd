// The API keys in force: who sent a secret, and the same file read again whenever it changes.
import { timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Caller, Identified } from './caller.js';
import { type ApiKey, hashOf, parseKeys } from './key-file.js';
import { ReloadedFile, type ReloadedFileOptions } from './reloaded-file.js';

export interface KeyRingOptions extends Pick<ReloadedFileOptions<unknown>, 'path' | 'onBroken'> {
  /** The keys of a changed file are in force. */
  readonly onReloaded: (ids: readonly string[]) => void;
}

interface Held {
  readonly hash: Buffer;
  readonly key: ApiKey;
  readonly caller: Caller;
}

export class KeyRing {
  readonly #file: ReloadedFile<readonly Held[]>;

  private constructor(file: ReloadedFile<readonly Held[]>) {
    this.#file = file;
  }

  /** Throws an Error of one line naming the file. */
  static async open({ path, onBroken, onReloaded }: KeyRingOptions): Promise<KeyRing> {
    const file = await ReloadedFile.open<readonly Held[]>({
      path,
      read: async () => (await readKeys(path)).map(hold),
      onReloaded: (held) => onReloaded(idsOf(held)),
      onBroken,
    });
    return new KeyRing(file);
  }

  get ids(): string[] {
    return idsOf(this.#file.value);
  }

  /** undefined: no key has this secret. `nowMs` is Unix time. */
  identify(secret: string, nowMs: number): Identified {
    const hash = hashOf(secret);
    let found: Held | undefined;
    // All of them, whichever fits: how long it takes says nothing of how near a guess was.
    for (const held of this.#file.value) if (timingSafeEqual(held.hash, hash)) found = held;
    if (found === undefined) return undefined;
    const { key, caller } = found;
    const isExpired = key.expires !== undefined && Date.parse(key.expires) <= nowMs;
    return isExpired
      ? { refused: `The API key "${key.id}" expired at ${key.expires}: have a new one made.` }
      : { caller };
  }

  /** Looks whether the file changed. Never rejects; one look at a time. */
  refresh(): Promise<void> {
    return this.#file.refresh();
  }
}

const idsOf = (held: readonly Held[]) => held.map(({ key }) => key.id);

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
