// Bodies that the multipart parser never comes to an end with: answered at once all the same, and given back.
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { inspect } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { type RunningService, startService } from '../support/service.js';
import { openSocket, postHead, readAnswer } from '../support/socket.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

/** Longer than a test may take: no time-out gives the answer. */
const NEVER_MS = '60000';

let service: RunningService;
let good: GoldenCapture;
beforeAll(async () => {
  service = await startService({ BODY_STALL_MS: NEVER_MS, DEFAULT_DEADLINE_MS: NEVER_MS });
  good = await goldenCapture(0);
});
afterEach(async () => {
  expect((await inspect(service.url, good.parts)).branch).toBe('acoustic+depth+rgb');
  expect(await metric(service.url, 'branchline_in_flight_bytes')).toBe(0);
});
afterAll(() => service.close());

/** Found by fuzzing: 16 KiB or more, in one piece, of a part that the parser skips, and a boundary behind it. Short enough for one segment. */
const SKIPPED = [
  ['no Content-Disposition', 'X: y\r\n'],
  ['no headers', ''],
  ['a header without a name', ': no name\r\n'],
  ['another disposition', 'Content-Disposition: attachment; name="rgb"\r\n'],
  ['a damaged Content-Disposition', 'Content-D\0sposition: form-data; name="rgb"\r\n'],
  ['a line feed in its name', 'Content-Disposition: form-data; name="r\ngb"\r\n'],
] as const;
const part = (head: string, bytes: number) => `--b\r\n${head}\r\n${'x'.repeat(bytes)}\r\n`;
const depth = (bytes: number) => part('Content-Disposition: form-data; name="depth"\r\n', bytes);

it.each(
  SKIPPED.flatMap(([what, head]) => [
    [what, 'at the end', '', head, ''],
    [what, 'behind a good part', depth(30_000), head, ''],
    [what, 'before a good part', '', head, depth(1)],
    // The parser holds the body back, so that it never ends: nobody's network has stopped.
    [what, 'before more than the parser takes in', '', head, `--b--\r\n${'y'.repeat(500_000)}`],
  ]),
)('refuses a part with %s, %s', async (_what, _where, before, head, after) => {
  const body = Buffer.from(`${before}${part(head, 20_000)}${after}--b--\r\n`);
  const socket = await openSocket(service.port);
  const answer = readAnswer(socket);
  socket.write(
    postHead({ 'Content-Type': 'multipart/form-data; boundary=b', 'Content-Length': body.length }),
  );
  socket.write(body);
  const { status, body: text } = await answer;
  expect([status, JSON.parse(text).code]).toEqual([400, 'BAD_MULTIPART']);
  expect(JSON.parse(text).detail).toMatch(
    /breaks off, or a part of it has no Content-Disposition: form-data/,
  );
});

it('gives back what a hanging body without a length has grown to', async () => {
  const body = `${depth(30_000)}${part('', 20_000)}--b--\r\n`;
  const socket = await openSocket(service.port);
  const answer = readAnswer(socket);
  socket.write(
    postHead({ 'Content-Type': 'multipart/form-data; boundary=b', 'Transfer-Encoding': 'chunked' }),
  );
  socket.write(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  const { status, body: text } = await answer;
  expect([status, JSON.parse(text).code]).toEqual([400, 'BAD_MULTIPART']);
});
