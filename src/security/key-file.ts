// The file of API keys: what stands in it, and how a secret becomes what stands in it.
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';

/** None holds another: a key that ingests and reads has both. */
export const SCOPES = ['ingest', 'read', 'review', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Every one is compared with on every request. */
const MAX_KEYS = 1000;

export const keyId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be 1 to 64 lower-case letters, digits, ".", "_" or "-"');
export const scopes = z
  .array(z.enum(SCOPES, `must be of ${SCOPES.join(', ')}`))
  .min(1, `must name at least one of ${SCOPES.join(', ')}`);
export const lineIds = z.array(z.string().min(1).max(128)).min(1, 'must name a line, or be left out');
export const expiry = z.iso.datetime({
  offset: true,
  error: 'must be a time with a zone, such as 2027-01-31T00:00:00Z',
});

const apiKey = z.strictObject({
  id: keyId,
  /** Of the whole secret, as it is sent. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
  scopes,
  /** Absent: every line. */
  lines: lineIds.optional(),
  /** Absent: never. */
  expires: expiry.optional(),
  createdAt: z.iso.datetime().optional(),
});
export type ApiKey = z.infer<typeof apiKey>;

const keyFile = z.strictObject({ keys: z.array(apiKey).max(MAX_KEYS) });

/** Throws an Error of one line that says what is wrong with the text, without its path. */
export function parseKeys(text: string): ApiKey[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = keyFile.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`is not right: ${z.core.toDotPath(issue?.path ?? [])} ${issue?.message}`);
  }
  const { keys } = parsed.data;
  for (const [at, { id, sha256 }] of keys.entries()) {
    const before = keys.slice(0, at);
    if (before.some((key) => key.id === id))
      throw new Error(`has key "${id}" twice; give the newer one another id, such as "${id}-2"`);
    const same = before.find((key) => key.sha256 === sha256);
    if (same !== undefined) throw new Error(`gives "${same.id}" and "${id}" the same secret; make a new one`);
  }
  return keys;
}

export function formatKeys(keys: readonly ApiKey[]): string {
  return `${JSON.stringify({ keys }, null, 2)}\n`;
}

/** 256 random bits, so that a fast hash is enough (decision 0015); the prefix lets scanners of leaks find it. */
export function newSecret(): string {
  return `bl_${randomBytes(32).toString('base64url')}`;
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
