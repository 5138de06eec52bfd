// What counts as hanging: turns of the event loop, not milliseconds.
import type { IncomingMessage } from 'node:http';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { ParserGuard } from '../../src/http/parser-guard.js';

/** A request that is piped to a parser; `take` gets what says that a chunk is done with. */
function fed(take: (done: () => void) => void) {
  const request = new PassThrough() as unknown as PassThrough & IncomingMessage;
  const parser = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => take(done) });
  let hanging = 0;
  const guard = new ParserGuard(request, () => {
    hanging++;
  });
  request.on('data', () => void guard.check());
  request.pipe(parser);
  return { request, guard, hanging: () => hanging };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

it('calls a parser hanging once that holds the request back, and asks for nothing more', async () => {
  const { request, guard, hanging } = fed(() => {});
  request.write('chunk');
  await turns(20);
  expect(hanging()).toBe(1);
  void guard.check();
  await turns(20);
  expect(hanging()).toBe(1);
});

it('calls a parser hanging that has all there is', async () => {
  const { request, guard, hanging } = fed((done) => done());
  request.on('end', () => void guard.check());
  request.end('chunk');
  await turns(20);
  expect(hanging()).toBe(1);
});

it('waits for a parser that takes a few turns for each of many chunks', async () => {
  const { request, hanging } = fed((done) => void turns(3).then(done));
  for (let chunk = 0; chunk < 20; chunk++) request.write('chunk');
  await turns(200);
  expect(hanging()).toBe(0);
});

it('waits for a client, however long it pauses', async () => {
  const { request, hanging } = fed((done) => done());
  request.write('chunk');
  await turns(200);
  expect(hanging()).toBe(0);
});

it('says nothing of a parser that is done, or that nobody waits for', async () => {
  const { request, guard, hanging } = fed(() => {});
  request.write('chunk');
  guard.release();
  await turns(20);
  expect(hanging()).toBe(0);
});
