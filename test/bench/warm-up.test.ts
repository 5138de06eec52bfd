// Before anything is measured a server is kept as busy as it will be.
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Contender, Picture } from '../../bench/contenders/contender.js';
import type { PictureCapture } from '../../bench/performance/bodies.js';
import { CLIENTS, keepBusy } from '../../bench/performance/measure.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const captureOf = (contentType: Picture['contentType']): PictureCapture => ({
  picture: { contentType, bytes: new Uint8Array([1]) },
  job: { graph: '', parts: [] },
});
const contender: Contender = {
  name: 'fastify',
  title: 'a server',
  start: () => Promise.reject(new Error('it runs already')),
  requestFor: ({ contentType, bytes }) => ({
    method: 'POST',
    path: '/inference',
    headers: { 'content-type': contentType },
    body: bytes,
  }),
  probes: [],
};

describe('the warm-up', () => {
  it('has as many clients as the busiest closed loop, with pictures of both kinds', async () => {
    const kinds = new Set<string | undefined>();
    const busiest = Math.max(...CLIENTS);
    const held: ServerResponse[] = [];
    let met = false;
    server = createServer((request, response) => {
      kinds.add(request.headers['content-type']);
      request.resume();
      held.push(response);
      // Nobody is answered until all of them have asked at once.
      met ||= held.length === busiest;
      if (met) for (const one of held.splice(0)) one.end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = address === null || typeof address === 'string' ? 0 : address.port;
    await keepBusy(
      contender,
      { url: `http://127.0.0.1:${port}` },
      {
        bodies: { png: [captureOf('image/png')], jpeg: [captureOf('image/jpeg')], defectivePng: [], mix: [] },
        busyMs: 500,
        signal: new AbortController().signal,
        onProgress: () => {},
      },
    );
    expect(met).toBe(true);
    expect([...kinds].sort()).toEqual(['image/jpeg', 'image/png']);
  });
});
