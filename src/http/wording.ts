// Says what is wrong with a field of a request, in words that tell whoever sent it what would be right.
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { misspeltName } from '../misspelt.js';

type Issue = Parameters<z.core.$ZodErrorMap>[0];

/** What stands behind the field and a colon. undefined: what zod says. */
function wordingOf(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return typeFault(KINDS[issue.expected] ?? issue.expected, issue.input);
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.join(', ')}`;
    case 'too_small':
      return sizeFault(issue.origin, issue.inclusive ? 'at least' : 'above', issue.minimum);
    case 'too_big':
      return sizeFault(issue.origin, issue.inclusive ? 'at most' : 'below', issue.maximum);
    case 'invalid_format':
      return issue.format === 'datetime'
        ? 'must be a time with a zone, such as 2026-01-02T03:04:05+01:00'
        : undefined;
    case 'invalid_key':
      return `its name ${issue.issues[0]?.message}`;
    case 'unrecognized_keys':
      return unknownField(issue.keys, issue.inst);
    default:
      return undefined;
  }
}

/** For `safeParse`. A schema's own words go before these. */
export const IN_OUR_WORDS = { error: wordingOf };

/** Of what was parsed with `IN_OUR_WORDS`. `whole`: what is at fault where no field of it is. */
export function badRequest({ issues: [issue] }: z.ZodError, whole: string): ServiceError {
  const field = fieldOf(issue?.path ?? []);
  return new ServiceError('BAD_REQUEST', {
    detail: `${field === '' ? whole : field}: ${issue?.message ?? 'not valid'}.`,
    ...(field === '' ? {} : { part: field }),
  });
}

/** Alone, the name of a header needs no brackets. */
function fieldOf(path: readonly PropertyKey[]): string {
  return path.length === 1 ? String(path[0]) : z.core.toDotPath(path);
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
};

function typeFault(expected: string, value: unknown): string {
  if (value === undefined) return `is missing; it must be ${expected}`;
  // 1.5 where a whole number belongs; or what stood in a query and is none.
  if (typeof value === 'number' && expected.endsWith('number')) return `must be ${expected}`;
  return `must be ${expected}, not ${shown(value)}`;
}

function shown(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  return KINDS[Array.isArray(value) ? 'array' : typeof value] ?? typeof value;
}

const UNITS: Readonly<Record<string, string>> = { string: 'characters', array: 'entries' };

function sizeFault(origin: string, bound: string, limit: number | bigint): string {
  const unit = UNITS[origin];
  if (unit !== undefined && bound === 'at least' && limit === 1) return 'must not be empty';
  return unit === undefined ? `must be ${bound} ${limit}` : `must have ${bound} ${limit} ${unit}`;
}

/** The one that was meant, or else all there are. */
function unknownField(given: readonly string[], inst: unknown): string {
  const { shape = {} } = (inst as z.ZodObject)._zod.def;
  const known = Object.keys(shape);
  const misspelt = misspeltName(given, known);
  return misspelt === undefined
    ? `there is no field "${given[0]}"; known: ${known.join(', ')}`
    : `there is no field "${misspelt.given}"; the nearest is "${misspelt.meant}"`;
}
