// The chain of the audit log: each line holds the hash of the line before and its own, so that a change shows.
import { createHash } from 'node:crypto';

/** What stands in a record beside its place in the chain. */
export interface AuditEntry {
  /** "review.asked", "access.refused", "service.started", … */
  readonly action: string;
  readonly [fact: string]: unknown;
}

/** The end of a chain: what the next record must follow. */
export interface ChainHead {
  readonly seq: number;
  /** 64 hexadecimal digits; of an empty log, zeros. */
  readonly hash: string;
}

export const EMPTY_CHAIN: ChainHead = { seq: 0, hash: '0'.repeat(64) };

/** `hash` is the SHA-256 of the line's text before `,"hash"`, closed by a brace. Without a line break. */
export function chained(entry: AuditEntry, at: string, head: ChainHead): { line: string; head: ChainHead } {
  const seq = head.seq + 1;
  const text = JSON.stringify({ seq, at, ...entry, previous: head.hash });
  const hash = sha256(text);
  return { line: `${text.slice(0, -1)},"hash":"${hash}"}`, head: { seq, hash } };
}

/** The head once `line` is appended to `head`. Throws an Error that says what is wrong with the line. */
export function follow(line: string, head: ChainHead): ChainHead {
  const [, start, hash = ''] = /^(\{.*),"hash":"([0-9a-f]{64})"\}$/.exec(line) ?? [];
  if (start === undefined) throw new Error('it is no record of an audit log');
  const text = `${start}}`;
  if (sha256(text) !== hash) throw new Error('its text was changed: it does not fit its own hash');
  const { seq, previous } = JSON.parse(text) as { seq: unknown; previous: unknown };
  if (seq !== head.seq + 1)
    throw new Error(
      `it is record ${String(seq)} where ${head.seq + 1} belongs: records were taken out or moved`,
    );
  if (previous !== head.hash)
    throw new Error(
      'it does not follow the record before: that one was written anew, or another stood there',
    );
  return { seq, hash };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
