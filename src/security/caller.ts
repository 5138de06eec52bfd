// Whoever sends a request, however they proved it.
import type { Scope } from './key-file.js';

export interface Caller {
  /** Of an API key, or "jwt:" and the subject of a token. */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  /** undefined: every line. */
  readonly lines: ReadonlySet<string> | undefined;
}

const TOKEN = 'jwt:';

/** No API key has a colon in its id. */
export const tokenCallerId = (subject: string) => `${TOKEN}${subject}`;

/** In a sentence. */
export function callerName({ id }: Pick<Caller, 'id'>): string {
  return id.startsWith(TOKEN) ? `token of "${id.slice(TOKEN.length)}"` : `API key "${id}"`;
}

/** `refused`: known, but not good any more or not here; one sentence. undefined: not known. */
export type Identified = { readonly caller: Caller } | { readonly refused: string } | undefined;

/** `nowMs` is Unix time. */
export type Identify = (secret: string, nowMs: number) => Identified | Promise<Identified>;
