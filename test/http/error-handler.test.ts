// What a socket gets that never became a request.
import { PassThrough } from 'node:stream';
import { expect, it } from '@jest/globals';
import { answerBrokenHttp } from '../../src/http/error-handler.js';

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
