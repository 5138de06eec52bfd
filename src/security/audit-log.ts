// The audit log: an append-only file of JSON lines, on the disk before the answer leaves.
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { GroupCommit } from '../group-commit.js';
import { type AuditEntry, type ChainHead, chained, EMPTY_CHAIN, follow } from './audit-chain.js';

export interface AuditLogOptions {
  readonly path: string;
  readonly now: () => Date;
}

export class AuditLog {
  readonly #file: FileHandle;
  readonly #now: () => Date;
  #head: ChainHead;
  #length: number;
  readonly #commits = new GroupCommit<AuditEntry>((entries) => this.#commit(entries));

  private constructor(file: FileHandle, now: () => Date, head: ChainHead, length: number) {
    this.#file = file;
    this.#now = now;
    this.#head = head;
    this.#length = length;
  }

  /**
   * Goes on behind the last record. A line that a crash cut off was never confirmed to anybody: it is taken away, and a
   * record says so. Throws an Error of one line where the file cannot be written, or its chain is broken.
   */
  static async open({ path, now }: AuditLogOptions): Promise<AuditLog> {
    const fail = (what: string, cause: unknown) => new Error(`AUDIT_FILE: ${path} ${what}`, { cause });
    const file = await open(path, 'a', 0o640).catch((cause: Error) => {
      throw fail(`cannot be written: ${cause.message}`, cause);
    });
    try {
      const text = await readFile(path, 'utf8');
      const end = text.lastIndexOf('\n') + 1;
      const { head, fault } = verifyChain(text.slice(0, end));
      if (fault !== undefined)
        throw fail(`is broken at ${fault}; keep it, and begin another file`, undefined);
      const length = Buffer.byteLength(text.slice(0, end));
      await file.truncate(length);
      const log = new AuditLog(file, now, head, length);
      const cut = Buffer.byteLength(text) - length;
      if (cut > 0) await log.append({ action: 'audit.cut', bytes: cut });
      return log;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** To be noted elsewhere: with it, `verify` also sees records that are missing at the end. */
  get head(): ChainHead {
    return this.#head;
  }

  /** Resolves once the record would survive a crash. Rejects where the disk does not take it. */
  append(entry: AuditEntry): Promise<void> {
    return this.#commits.add(entry);
  }

  async close(): Promise<void> {
    await this.#commits.idle();
    await this.#file.close();
  }

  async #commit(entries: readonly AuditEntry[]): Promise<void> {
    const at = this.#now().toISOString();
    let head = this.#head;
    let text = '';
    for (const entry of entries) {
      const next = chained(entry, at, head);
      head = next.head;
      text += `${next.line}\n`;
    }
    try {
      await this.#file.appendFile(text);
      await this.#file.datasync();
    } catch (error) {
      // Half a line of a full disk must not stand in the chain.
      await this.#file.truncate(this.#length).catch(() => {});
      throw error;
    }
    this.#head = head;
    this.#length += Buffer.byteLength(text);
  }
}

/** Where the chain of `text` ends, and the first line that breaks it, in words that name it. */
export function verifyChain(text: string): { head: ChainHead; fault?: string } {
  let head = EMPTY_CHAIN;
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [at, line] of lines.entries()) {
    try {
      head = follow(line, head);
    } catch (error) {
      return { head, fault: `line ${at + 1}: ${(error as Error).message}` };
    }
  }
  return { head };
}
