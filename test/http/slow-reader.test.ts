// A client of the event stream that does not read: nothing is read for it either, and in the end it is cut off.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { eventRoutes } from '../../src/http/events.js';
import { anInspection } from '../store/samples.js';
import { openSocket } from '../support/socket.js';

let server: FastifyInstance;
let pages: number;
let readers: number;

/** A feed without an end. */
const endless = {
  end: async () => '0',
  waitForNext: async () => {},
  async list({ after = '0' }) {
    pages += 1;
    return { items: Array.from({ length: 50 }, () => anInspection()), nextCursor: `${Number(after) + 50}` };
  },
} satisfies Parameters<typeof eventRoutes>[1]['store'];

beforeEach(() => {
  pages = 0;
  server = Fastify();
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
});
afterEach(() => server.close());

async function connect(stallMs: number) {
  const metrics = {
    eventReaders: (count: number) => {
      readers = count;
    },
  };
  const closing = new AbortController().signal;
  eventRoutes(server, { store: endless, closing, eventsMaxClients: 1, metrics, stallMs });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const address = server.server.address();
  const socket = await openSocket(typeof address === 'object' ? (address?.port ?? 0) : 0);
  socket.pause();
  socket.write('GET /v1/events?after=0 HTTP/1.1\r\nHost: line-1\r\n\r\n');
  return socket;
}

/** How many pages were read when no more are, for a while. */
async function standstill(): Promise<number> {
  for (let before = -1; ; ) {
    if (before === pages && pages > 0) return pages;
    before = pages;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('a reader that does not read', () => {
  it('has nothing read for it until it does', async () => {
    const socket = await connect(1e6);
    const held = await standstill();
    // What the sockets' buffers take is some megabytes: thousands of records, not millions.
    expect(held).toBeLessThan(1000);
    socket.resume();
    while (pages < 2 * held) await new Promise(setImmediate);
    socket.destroy();
  });

  it('is cut off, and its place is free', async () => {
    const socket = await connect(200);
    await standstill();
    while (readers > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    socket.resume();
    await once(socket, 'close');
  });
});
