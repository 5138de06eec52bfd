// What a crowd of refusals leaves in the log.
import { expect, it } from '@jest/globals';
import { type ErrorCode, ServiceError } from '../../src/errors.js';
import { RefusalLog } from '../../src/http/refusal-log.js';

/** A log whose seconds end by hand. */
function byHand() {
  const lines: [who: string, fields: object, message: string][] = [];
  const logOf = (who: string) =>
    ({ info: (fields: object, message: string) => lines.push([who, fields, message]) }) as never;
  let ends: (() => void)[] = [];
  const refusals = new RefusalLog({ log: logOf('service'), after: (_ms, callBack) => ends.push(callBack) });
  return {
    lines,
    refuse: (code: ErrorCode, detail: string) =>
      refusals.refused(new ServiceError(code, { detail }), logOf('request')),
    endSecond: () => {
      const now = ends;
      ends = [];
      for (const end of now) end();
    },
  };
}

it('is the first, at once and as that request, and then how many and what the last was told', () => {
  const { lines, refuse, endSecond } = byHand();
  refuse('OVERLOADED', '64 captures are waiting.');
  refuse('OVERLOADED', '65 captures are waiting.');
  refuse('OVERLOADED', '66 captures are waiting.');
  expect(lines).toEqual([['request', { code: 'OVERLOADED', part: undefined }, '64 captures are waiting.']]);
  endSecond();
  expect(lines.slice(1)).toEqual([
    [
      'service',
      { code: 'OVERLOADED', refused: 2 },
      'refused within a second; the last: 66 captures are waiting.',
    ],
  ]);
});

it('goes on second by second while it lasts, and begins anew after a quiet one', () => {
  const { lines, refuse, endSecond } = byHand();
  for (const detail of ['one', 'two']) refuse('DEADLINE_UNREACHABLE', detail);
  endSecond();
  refuse('DEADLINE_UNREACHABLE', 'three');
  endSecond();
  endSecond();
  refuse('DEADLINE_UNREACHABLE', 'four');
  expect(lines.map(([who, , message]) => [who, message])).toEqual([
    ['request', 'one'],
    ['service', 'refused within a second; the last: two'],
    ['service', 'refused within a second; the last: three'],
    ['request', 'four'],
  ]);
});

it('is each one where the request itself is at fault', () => {
  const { lines, refuse } = byHand();
  for (const detail of ['one', 'two']) refuse('PART_CORRUPT', detail);
  expect(lines.map(([who, , message]) => [who, message])).toEqual([
    ['request', 'one'],
    ['request', 'two'],
  ]);
});
