// Limits of what a client can send beside bodies: connections, headers, and JSON that is larger than its bytes.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseJson } from '../../src/http/json-text.js';
import type { Problem } from '../../src/http/problem.js';
import { type RunningService, startService } from '../support/service.js';
import { openSocket, readAnswer } from '../support/socket.js';

describe('JSON', () => {
  it.each([
    [
      'a capture with quotes and escapes',
      '{"metadata":{"partId":"a\\\\\\"[{,"},"modalities":{"rgb":"AAAA"}}',
    ],
    ['thirty-two levels', `${'['.repeat(32)}${']'.repeat(32)}`],
    ['brackets within a text', `{"note":"${'['.repeat(1000)}${','.repeat(200_000)}"}`],
    ['a text that ends in backslashes', '["\\\\\\\\",["a"]]'],
  ])('is parsed: %s', (_, text) => {
    expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['nests too deep', `${'['.repeat(33)}${']'.repeat(33)}`, 'The JSON body nests deeper than 32'],
    ['nests deep behind an escaped quote', `["\\\\",${'['.repeat(33)}`, 'nests deeper than 32'],
    ['holds too many values', `[${'[],'.repeat(100_000)}[]]`, 'holds more than 100000 values'],
    ['is cut off in a text', '{"a":"b', 'The body is not valid JSON'],
  ])('is refused where it %s', (_, text, detail) => {
    expect(() => parseJson(Buffer.from(text))).toThrow(detail);
  });
});

describe('a connection', () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await startService({ MAX_CONNECTIONS: '3' });
  });
  afterAll(() => service.close());

  it('with more than a hundred headers is told so', async () => {
    const headers = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-h-${i}`, '1']));
    const response = await fetch(`${service.url}/health/live`, {
      headers: { ...headers, connection: 'close' },
    });
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([431, 'HEADERS_TOO_LARGE']);
  });

  it('beyond the limit is closed, and those below it are served on', async () => {
    const held = [
      await openSocket(service.port),
      await openSocket(service.port),
      await openSocket(service.port),
    ];
    const further = connect(service.port, '127.0.0.1');
    further.on('error', () => {});
    await once(further, 'close');
    const [first] = held;
    first?.write('GET /health/live HTTP/1.1\r\nHost: line-1\r\nConnection: close\r\n\r\n');
    expect(first && (await readAnswer(first)).status).toBe(200);
    for (const socket of held) socket.destroy();
  });
});
