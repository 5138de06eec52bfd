// What a socket gets that never became a request, and what a refusal does to its connection.

import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { ServiceError } from '../../src/errors.js';
import { answerBrokenHttp, handleErrors } from '../../src/http/error-handler.js';

it.each([
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout', 'REQUEST_TIMEOUT'],
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large', 'HEADERS_TOO_LARGE'],
  ['HPE_INVALID_METHOD', '400 Bad Request', 'BAD_REQUEST'],
])('answers %s with %s', async (code, status, problemCode) => {
  const socket = new PassThrough();
  const answer = socket.toArray();
  answerBrokenHttp(Object.assign(new Error(code), { code }), socket as never);
  const text = Buffer.concat(await answer.catch(() => [])).toString();
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status}\r\n`));
  expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: problemCode });
});

describe('a refusal before the body is there', () => {
  let server: FastifyInstance | undefined;
  afterEach(() => server?.close());

  /** The answers to what is sent on one connection, until it is closed or `count` have come. */
  async function answersTo(requests: readonly string[], count: number, stallMs = 5000): Promise<string> {
    server = Fastify();
    handleErrors(server, { stallMs, hurry: new AbortController().signal }, () => {});
    server.post('/', {
      onRequest: async () => {
        throw new ServiceError('OVERLOADED', { detail: 'There is no room.', retryAfterSeconds: 1 });
      },
      handler: async () => 'never',
    });
    await server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const came = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        text += chunk;
        if (text.split('HTTP/1.1 503').length > count) resolve();
      });
      socket.once('close', () => resolve());
    });
    for (const request of requests) socket.write(request);
    await came;
    socket.destroy();
    return text;
  }

  const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n';

  it('reads the body away and leaves the connection for the next request', async () => {
    const text = await answersTo([head, '12345678', `${head}12345678`], 2);
    expect(text.match(/HTTP\/1\.1 503/g)).toHaveLength(2);
    expect(text).not.toMatch(/connection: close/i);
  });

  it('closes the connection where the rest of the body does not come', async () => {
    const text = await answersTo([head, '1234'], 2, 50);
    expect(text.match(/HTTP\/1\.1 503/g)).toHaveLength(1);
    expect(text).toMatch(/connection: close/i);
  });
});
