// A file that is read again whenever it changed; while the changed one cannot be used, what was read before holds.
import { stat } from 'node:fs/promises';

export interface ReloadedFileOptions<T> {
  readonly path: string;
  /** Throws an Error of one line naming the file. */
  readonly read: (path: string) => Promise<T>;
  /** What a changed file says is in force. */
  readonly onReloaded: (value: T) => void;
  /** The file changed and cannot be used. Once for each change. */
  readonly onBroken: (error: Error) => void;
}

export class ReloadedFile<T> {
  readonly #options: ReloadedFileOptions<T>;
  #value: T;
  /** Of the file as it was last looked at. */
  #seen: string;
  #looking: Promise<void> | undefined;

  private constructor(options: ReloadedFileOptions<T>, value: T, seen: string) {
    this.#options = options;
    this.#value = value;
    this.#seen = seen;
  }

  /** Throws what `read` throws. */
  static async open<T>(options: ReloadedFileOptions<T>): Promise<ReloadedFile<T>> {
    const seen = await signOf(options.path);
    return new ReloadedFile(options, await options.read(options.path), seen);
  }

  get value(): T {
    return this.#value;
  }

  /** Looks whether the file changed. Never rejects; one look at a time. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { path, read, onReloaded, onBroken } = this.#options;
    const seen = await signOf(path);
    if (seen === this.#seen) return;
    try {
      this.#value = await read(path);
      onReloaded(this.#value);
    } catch (error) {
      onBroken(error as Error);
    }
    // After the read: a change in between shows at the next look.
    this.#seen = seen;
  }
}

/** Polled rather than watched: a mounted secret is a link that is turned to another folder, which no watch sees. */
async function signOf(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  return facts === undefined ? 'absent' : `${facts.ino} ${facts.size} ${facts.mtimeNs} ${facts.ctimeNs}`;
}
