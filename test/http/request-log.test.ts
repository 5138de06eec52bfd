// The log of a request is made for its first line, and once.
import { expect, it } from '@jest/globals';
import Fastify from 'fastify';
import { RequestLog } from '../../src/http/request-log.js';

const LEVELS = { fatal: 60, error: 50, warn: 40, info: 30, debug: 20, trace: 10 } as const;

/** What is written, and how often the logger was made. */
function watched() {
  const written: string[] = [];
  const made: unknown[] = [];
  const stream = { write: (line: string) => written.push(line) };
  const parent = Fastify({ logger: { level: 'trace', stream } }).log;
  const log = new RequestLog(() => {
    const child = parent.child({ reqId: 'req-1' });
    made.push(child);
    return child;
  });
  return { log, made, lines: () => written.map((line) => JSON.parse(line)) };
}

it('is not made for a request that logs nothing', () => {
  const { log, made } = watched();
  log.silent();
  expect(made).toHaveLength(0);
});

it.each(Object.keys(LEVELS) as (keyof typeof LEVELS)[])('writes %s as the logger does', (level) => {
  const { log, made, lines } = watched();
  log[level]({ code: 'X' }, 'what happened');
  log[level]('again');
  expect(made).toHaveLength(1);
  expect(lines()).toEqual([
    expect.objectContaining({ level: LEVELS[level], reqId: 'req-1', code: 'X', msg: 'what happened' }),
    expect.objectContaining({ level: LEVELS[level], reqId: 'req-1', msg: 'again' }),
  ]);
});

it('has the level and the children of the logger', () => {
  const { log, lines } = watched();
  expect(log.level).toBe('trace');
  log.child({ stage: 'run' }).info('there');
  expect(lines()).toEqual([expect.objectContaining({ reqId: 'req-1', stage: 'run', msg: 'there' })]);
});
