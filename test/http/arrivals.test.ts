// A capture keeps its place at the door until it is queued, and gives it up however it ends.
import { afterEach, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Captures } from '../../src/captures/captures.js';
import { inspectionRoutes } from '../../src/http/inspections.js';
import { acceptBodies } from '../../src/http/server.js';
import type { Capture } from '../../src/inspect.js';

let server: FastifyInstance | undefined;
afterEach(() => server?.close());

/** The route, with a door that writes down what it lets in and captures that end by hand. */
async function route() {
  const door: string[] = [];
  const captures: Capture[] = [];
  let refuse = (_: Error) => {};
  server = Fastify();
  server.removeAllContentTypeParsers();
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  await acceptBodies(server);
  inspectionRoutes(server, {
    captures: {
      inspect: (capture: Capture) => {
        captures.push(capture);
        return new Promise((_, reject) => {
          refuse = reject;
        });
      },
      accept: () => Promise.reject(new Error('not now')),
    } as never as Captures,
    arrive: (deadlineMs) => {
      door.push(deadlineMs === undefined ? 'in' : 'in by its deadline');
      return { end: () => door.push('ended') };
    },
    store: { get: async () => undefined },
    budget: { claim: () => ({ growBody: () => {}, release: () => {} }) } as never,
    metrics: { inFlight: () => {}, received: () => {}, bodyStalled: () => {} },
    hurry: new AbortController().signal,
    bodyLimitBytes: 1e6,
    bodyStallMs: 1000,
    defaultDeadlineMs: 1000,
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const post = (headers: Record<string, string>) =>
    fetch(`${url}/v1/inspections?modality=rgb`, {
      method: 'POST',
      headers: { 'content-type': 'image/png', ...headers },
      body: new Uint8Array(8),
    });
  return { door, captures, post, refuse: () => refuse(new Error('refused')) };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let looks = 0; !isSo(); looks++) {
    if (looks > 1000) throw new Error('it does not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

it('goes with the capture to the queue, and ends where the capture is refused', async () => {
  const { door, captures, post, refuse } = await route();
  const answer = post({ 'x-deadline-ms': '800' });
  await until(() => captures.length === 1);
  expect(door).toEqual(['in by its deadline']);
  captures[0]?.arrival?.end();
  expect(door).toEqual(['in by its deadline', 'ended']);
  refuse();
  await answer;
  await until(() => door.length === 3);
  expect(door[2]).toBe('ended');
});

it('is not asked for by a capture that nobody waits for', async () => {
  const { door, post } = await route();
  await post({ prefer: 'respond-async' });
  expect(door).toEqual([]);
});
