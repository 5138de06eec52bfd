import { getEventListeners } from 'node:events';
import { expect, it } from '@jest/globals';
import Fastify from 'fastify';
import { prepareFarewell } from '../../src/http/farewell.js';

it('holds on to nothing once the server is gone: a signal that outlives it is not listened to any more', async () => {
  const hurry = new AbortController();
  const server = Fastify();
  const farewell = prepareFarewell(server, hurry.signal);
  server.get('/', async () => 'here');
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  await (await fetch(url, { headers: { connection: 'close' } })).text();
  await farewell.closeGently();
  expect(getEventListeners(hurry.signal, 'abort')).toEqual([]);
});
