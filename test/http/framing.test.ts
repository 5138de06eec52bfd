// Broken framing over a real socket: bodies that end early, lie about themselves, or never come.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { inspect } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';
import { multipartBody, openSocket, postHead, type RawAnswer, readAnswer } from '../support/socket.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

const BOUNDARY = 'line-boundary';
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`;
const BODY_LIMIT_BYTES = 256 * 1024;

let service: RunningService;
let good: GoldenCapture;
let body: Buffer;
beforeAll(async () => {
  service = await startService({ BODY_LIMIT_BYTES: String(BODY_LIMIT_BYTES) });
  good = await goldenCapture(0);
  body = multipartBody(BOUNDARY, Object.entries(good.parts));
});
afterEach(async () => {
  expect((await inspect(service.url, good.parts)).branch).toBe('acoustic+depth+rgb');
  await untilNobodyIsInFlight();
});
afterAll(() => service.close());

async function exchange(...pieces: (string | Buffer)[]): Promise<RawAnswer> {
  const socket = await openSocket(service.port);
  const answer = readAnswer(socket);
  for (const piece of pieces) socket.write(piece);
  return answer;
}

/** A request that leaks would be counted for ever. */
async function untilNobodyIsInFlight(): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    if (/^branchline_inspections_in_flight 0$/m.test(text)) return;
    await delay(20);
  }
  throw new Error('a capture is still in flight');
}

function expectProblem({ status, body }: RawAnswer, wanted: number, code: string, detail: RegExp): void {
  expect(status).toBe(wanted);
  expect(JSON.parse(body)).toMatchObject({ status: wanted, code, detail: expect.stringMatching(detail) });
}

it('answers a capture whose framing is right', async () => {
  const answer = await exchange(postHead({ 'Content-Type': MULTIPART, 'Content-Length': body.length }), body);
  expect([answer.status, JSON.parse(answer.body).branch]).toEqual([200, 'acoustic+depth+rgb']);
});

it('refuses multipart without a boundary', async () => {
  const head = postHead({ 'Content-Type': 'multipart/form-data', 'Content-Length': body.length });
  expectProblem(await exchange(head, body), 400, 'BAD_MULTIPART', /names no boundary/);
});

it('refuses a body without its last boundary', async () => {
  const open = multipartBody(BOUNDARY, Object.entries(good.parts), true);
  const head = postHead({ 'Content-Type': MULTIPART, 'Content-Length': open.length });
  expectProblem(await exchange(head, open), 400, 'BAD_MULTIPART', /cannot be read/);
});

it('refuses a body cut in the middle of a part', async () => {
  const half = body.subarray(0, body.length / 2);
  const head = postHead({ 'Content-Type': MULTIPART, 'Content-Length': half.length });
  expectProblem(await exchange(head, half), 400, 'BAD_MULTIPART', /cannot be read/);
});

it('refuses a body of another boundary than its head names', async () => {
  const head = postHead({
    'Content-Type': 'multipart/form-data; boundary=other',
    'Content-Length': body.length,
  });
  expectProblem(await exchange(head, body), 400, 'BAD_MULTIPART', /cannot be read/);
});

it('answers at its deadline a capture whose body does not come', async () => {
  const head = postHead({ 'Content-Type': MULTIPART, 'Content-Length': body.length, 'X-Deadline-Ms': 50 });
  const answer = await exchange(head, body.subarray(0, 500));
  expectProblem(answer, 503, 'DEADLINE_UNREACHABLE', /within 50 ms/);
});

it('refuses a part without a name', async () => {
  const nameless = Buffer.from(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; filename="x"\r\n\r\nx\r\n--${BOUNDARY}--\r\n`,
  );
  const head = postHead({ 'Content-Type': MULTIPART, 'Content-Length': nameless.length });
  const { status, body: text } = await exchange(head, nameless);
  expect([status, JSON.parse(text).status]).toEqual([400, 400]);
});

it('answers a client that closes its side before the announced length', async () => {
  const socket = await openSocket(service.port);
  const answer = readAnswer(socket);
  socket.write(postHead({ 'Content-Type': MULTIPART, 'Content-Length': body.length }));
  socket.end(body.subarray(0, body.length / 2));
  const { status, body: text } = await answer;
  expect([status, JSON.parse(text).status]).toEqual([400, 400]);
});

it.each(['multipart/form-data; boundary=line-boundary', 'image/png', 'application/json'])(
  'forgets a client of %s that hangs up half-way',
  async (type) => {
    const socket = await openSocket(service.port);
    socket.write(postHead({ 'Content-Type': type, 'Content-Length': body.length }, '?modality=rgb'));
    socket.write(body.subarray(0, body.length / 2));
    await delay(50);
    socket.destroy();
  },
);

it('refuses an endless chunked body at the limit', async () => {
  const part = multipartBody(BOUNDARY, [['rgb', Buffer.alloc(BODY_LIMIT_BYTES + 1)]]);
  const chunk = Buffer.concat([
    Buffer.from(`${part.length.toString(16)}\r\n`),
    part,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
  const head = postHead({ 'Content-Type': MULTIPART, 'Transfer-Encoding': 'chunked' });
  expectProblem(await exchange(head, chunk), 413, 'BODY_TOO_LARGE', /over the limit of 262144 bytes/);
});

it('refuses an announced length over the limit though the body never comes', async () => {
  const head = postHead({ 'Content-Type': MULTIPART, 'Content-Length': 10 * BODY_LIMIT_BYTES });
  expectProblem(await exchange(head), 413, 'BODY_TOO_LARGE', /over the limit/);
});

it('answers a client that reads only once all is sent, though all is too much', async () => {
  const part = multipartBody(BOUNDARY, [['rgb', Buffer.alloc(16 * BODY_LIMIT_BYTES)]]);
  const socket = await openSocket(service.port);
  const sent = new Promise((resolve) => {
    socket.write(postHead({ 'Content-Type': MULTIPART, 'Content-Length': part.length }));
    socket.write(part, resolve);
  });
  socket.pause();
  const answer = readAnswer(socket);
  socket.pause();
  await sent;
  socket.resume();
  expectProblem(await answer, 413, 'BODY_TOO_LARGE', /over the limit/);
});

it('refuses a hundred parts', async () => {
  const many = multipartBody(
    BOUNDARY,
    Array.from({ length: 100 }, (_, i) => [`m${i}`, Buffer.from('x')] as const),
  );
  const head = postHead({ 'Content-Type': MULTIPART, 'Content-Length': many.length });
  expectProblem(await exchange(head, many), 400, 'BAD_MULTIPART', /limit/);
});

it('says of headers over the limit that they are, and where metadata belongs', async () => {
  const head = postHead({ 'X-Metadata': 'a'.repeat(20_000), 'Content-Length': 0 });
  expectProblem(await exchange(head), 431, 'HEADERS_TOO_LARGE', /over 16384 bytes .*in the body/);
});

it('refuses what is no HTTP at all', async () => {
  expectProblem(await exchange('HELLO SERVICE\r\n\r\n'), 400, 'BAD_REQUEST', /no valid HTTP/);
});

it('refuses a capture whose deadline passes while it trickles in', async () => {
  const socket = await openSocket(service.port);
  const answer = readAnswer(socket);
  const head = { 'Content-Type': MULTIPART, 'Content-Length': body.length, 'X-Deadline-Ms': 50 };
  socket.write(postHead(head));
  socket.write(body.subarray(0, 1000));
  await delay(120);
  socket.write(body.subarray(1000));
  expectProblem(await answer, 503, 'DEADLINE_UNREACHABLE', /within 50 ms/);
});
