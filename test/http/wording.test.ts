// What a client is told of a field that is not right: no word of it is the schema library's.
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { badRequest, IN_OUR_WORDS } from '../../src/http/wording.js';

const box = z.strictObject({ rect: z.tuple([z.number(), z.number()]), ofPart: z.string().optional() });

const schema = z.strictObject({
  name: z.string().min(1).max(8).optional(),
  count: z.int().min(1).max(30).optional(),
  wait: z.coerce.number().optional(),
  rate: z.number().gt(0).lt(1).optional(),
  apply: z.boolean().optional(),
  state: z.literal('open').optional(),
  verdict: z.enum(['OK', 'NG']).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  ids: z.array(z.string()).min(1).max(2).optional(),
  named: z.record(z.string().max(4), z.number()).optional(),
  boxes: z.array(box).optional(),
  own: z.string('must be base64').optional(),
  'x-header': z.number().optional(),
});

function told(value: unknown): { detail: string; part: string | undefined } {
  const { error } = schema.safeParse(value, IN_OUR_WORDS);
  if (error === undefined) throw new Error('The schema takes it.');
  const { message, part } = badRequest(error, 'The body');
  return { detail: message, part };
}

describe('what a client is told', () => {
  it.each([
    [{ name: 7 }, 'name: must be a text, not a number.'],
    [{ name: null }, 'name: must be a text, not null.'],
    [{ name: ['a', 'b'] }, 'name: must be a text, not a list.'],
    [{ name: '' }, 'name: must not be empty.'],
    [{ name: 'x'.repeat(9) }, 'name: must have at most 8 characters.'],
    [{ count: 1.5 }, 'count: must be a whole number.'],
    [{ count: '3' }, 'count: must be a number, not a text.'],
    [{ count: 0 }, 'count: must be at least 1.'],
    [{ count: 31 }, 'count: must be at most 30.'],
    [{ wait: 'soon' }, 'wait: must be a number.'],
    [{ rate: 0 }, 'rate: must be above 0.'],
    [{ rate: 1 }, 'rate: must be below 1.'],
    [{ apply: 'yes' }, 'apply: must be true or false, not a text.'],
    [{ state: 'closed' }, 'state: must be open.'],
    [{ verdict: 'MAYBE' }, 'verdict: must be one of OK, NG.'],
    [{ since: 'yesterday' }, 'since: must be a time with a zone, such as 2026-01-02T03:04:05+01:00.'],
    [{ ids: [] }, 'ids: must not be empty.'],
    [{ ids: ['a', 'b', 'c'] }, 'ids: must have at most 2 entries.'],
    [{ ids: { a: 1 } }, 'ids: must be a list, not an object.'],
    [{ named: { short: 1 } }, 'named.short: its name must have at most 4 characters.'],
    [{ boxes: [{}] }, 'boxes[0].rect: is missing; it must be a list.'],
    [{ own: 7 }, 'own: must be base64.'],
    [{ 'x-header': true }, 'x-header: must be a number, not true.'],
  ])('of %j: %s', (value, detail) => {
    expect(told(value)).toEqual({ detail, part: detail.slice(0, detail.indexOf(':')) });
  });

  it.each([
    [[], 'The body: must be an object, not a list.'],
    [{ Count: 1 }, 'The body: there is no field "Count"; the nearest is "count".'],
    [{ foo: 1, verdicts: 'OK' }, 'The body: there is no field "verdicts"; the nearest is "verdict".'],
    [
      { foo: 1, bar: 2 },
      `The body: there is no field "foo"; known: ${Object.keys(schema.shape).join(', ')}.`,
    ],
  ])('of the whole of %j: %s', (value, detail) => {
    expect(told(value)).toEqual({ detail, part: undefined });
  });

  it('where the unknown field stands in another', () => {
    expect(told({ boxes: [{ rect: [1, 2], part: 'A' }] })).toEqual({
      detail: 'boxes[0]: there is no field "part"; known: rect, ofPart.',
      part: 'boxes[0]',
    });
  });
});
