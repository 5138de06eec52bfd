// Bodies that come slowly, not at all, or without an end: what they hold is bounded, and given back.
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { type RunningService, startService } from '../support/service.js';
import { openSocket, postHead, type RawAnswer, readAnswer } from '../support/socket.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

const BODY_LIMIT_BYTES = 1024 * 1024;
const IN_FLIGHT_BYTES = 4 * BODY_LIMIT_BYTES;
const STALL_MS = 500;

let service: RunningService;
let good: GoldenCapture;
let sockets: Socket[] = [];
beforeAll(async () => {
  service = await startService({
    BODY_LIMIT_BYTES: String(BODY_LIMIT_BYTES),
    IN_FLIGHT_BYTES: String(IN_FLIGHT_BYTES),
    BODY_STALL_MS: String(STALL_MS),
  });
  good = await goldenCapture(0);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await untilHeld((bytes) => bytes === 0);
  expect((await inspect(service.url, good.parts)).branch).toBe('acoustic+depth+rgb');
});
afterAll(() => service.close());

const held = () => metric(service.url, 'branchline_in_flight_bytes');
const refused = (reason: string) =>
  metric(service.url, `branchline_in_flight_refused_total{reason="${reason}"}`);

async function untilHeld(isRight: (bytes: number) => boolean): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const bytes = await held();
    if (isRight(bytes)) return bytes;
    await delay(10);
  }
  throw new Error(`${await held()} bytes are in flight`);
}

async function post(headers: Record<string, string | number>, ...pieces: Buffer[]) {
  const socket = await openSocket(service.port);
  sockets.push(socket);
  const answer = readAnswer(socket);
  socket.write(postHead({ 'Content-Type': 'image/png', ...headers }, '?modality=rgb'));
  for (const piece of pieces) socket.write(piece);
  return { socket, answer };
}

const codeOf = ({ status, body }: RawAnswer) => [status, JSON.parse(body).code];

it('holds no more than the budget, whatever is announced, and answers the rest 503 with Retry-After', async () => {
  const uploads = await Promise.all(
    Array.from({ length: 12 }, () => post({ 'Content-Length': BODY_LIMIT_BYTES }, Buffer.alloc(1000))),
  );
  const answers = await Promise.all(uploads.map(({ answer }) => answer));
  const codes = answers.map((answer) => codeOf(answer).join(' '));
  expect(codes.filter((code) => code === '503 OVERLOADED')).toHaveLength(9);
  expect(codes.filter((code) => code === '408 REQUEST_TIMEOUT')).toHaveLength(3);
  const overloaded = answers.find(({ status }) => status === 503);
  expect(overloaded?.head).toMatch(/\r\nretry-after: 1\r\n/i);
  expect(JSON.parse(overloaded?.body ?? '').detail).toMatch(/of 4\.0 MiB \(IN_FLIGHT_BYTES\)/);
});

it('cuts a body that makes no progress off with 408, and gives its bytes back', async () => {
  const before = await refused('stalled');
  const { answer } = await post({ 'Content-Length': BODY_LIMIT_BYTES }, Buffer.alloc(1000));
  await untilHeld((bytes) => bytes > BODY_LIMIT_BYTES);
  await untilHeld((bytes) => bytes === 0);
  expect(codeOf(await answer)).toEqual([408, 'REQUEST_TIMEOUT']);
  expect(JSON.parse((await answer).body).detail).toBe(
    `The body stopped after 1000 of ${BODY_LIMIT_BYTES} bytes: nothing came for 500 ms (BODY_STALL_MS). ` +
      'Look at the network, and send it again.',
  );
  expect(await refused('stalled')).toBe(before + 1);
});

it('lets a slow body come as long as it makes progress', async () => {
  const { socket, answer } = await post({ 'Content-Length': 5 });
  for (const byte of 'slow!') {
    await delay(STALL_MS / 4);
    socket.write(byte);
  }
  expect(codeOf(await answer)).toEqual([415, 'PART_UNSUPPORTED']);
});

it('stops waiting for a body when the deadline of its capture has passed', async () => {
  const { answer } = await post({ 'Content-Length': BODY_LIMIT_BYTES, 'X-Deadline-Ms': 50 });
  expect(codeOf(await answer)).toEqual([503, 'DEADLINE_UNREACHABLE']);
});

it('counts a body without a length as it comes, and refuses it where the budget ends', async () => {
  const full = Array.from({ length: 3 }, () => post({ 'Content-Length': BODY_LIMIT_BYTES }));
  await Promise.all(full);
  await untilHeld((bytes) => bytes > 3 * BODY_LIMIT_BYTES);
  const before = await refused('body');
  const chunk = Buffer.concat([Buffer.from('c0000\r\n'), Buffer.alloc(0xc0000), Buffer.from('\r\n')]);
  const { answer } = await post({ 'Transfer-Encoding': 'chunked' }, chunk, Buffer.from('0\r\n\r\n'));
  expect(codeOf(await answer)).toEqual([503, 'OVERLOADED']);
  expect(await refused('body')).toBe(before + 1);
});

describe('a multipart body', () => {
  const type = { 'Content-Type': 'multipart/form-data; boundary=b' };
  const head = Buffer.from('--b\r\nContent-Disposition: form-data; name="rgb"; filename="rgb"\r\n\r\n');

  it('that makes no progress is cut off with 408, and gives its bytes back', async () => {
    const before = await refused('stalled');
    const { answer } = await post({ ...type, 'Content-Length': BODY_LIMIT_BYTES }, head, Buffer.alloc(1000));
    await untilHeld((bytes) => bytes > BODY_LIMIT_BYTES);
    await untilHeld((bytes) => bytes === 0);
    expect(codeOf(await answer)).toEqual([408, 'REQUEST_TIMEOUT']);
    expect(JSON.parse((await answer).body).detail).toMatch(
      `stopped after ${head.length + 1000} of ${BODY_LIMIT_BYTES} bytes`,
    );
    expect(await refused('stalled')).toBe(before + 1);
  });

  it('without a length is counted as it comes, and refused where the budget ends', async () => {
    await Promise.all(Array.from({ length: 3 }, () => post({ 'Content-Length': BODY_LIMIT_BYTES })));
    await untilHeld((bytes) => bytes > 3 * BODY_LIMIT_BYTES);
    const before = await refused('body');
    const body = Buffer.concat([head, Buffer.alloc(0xc0000), Buffer.from('\r\n--b--')]);
    const chunk = [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')];
    const { answer } = await post({ ...type, 'Transfer-Encoding': 'chunked' }, ...chunk);
    expect(codeOf(await answer)).toEqual([503, 'OVERLOADED']);
    expect(await refused('body')).toBe(before + 1);
  });

  it('is counted to its end behind its last boundary', async () => {
    const body = Buffer.concat([head, Buffer.from('x\r\n--b--'), Buffer.alloc(2 * BODY_LIMIT_BYTES)]);
    const chunk = [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')];
    const { answer } = await post({ ...type, 'Transfer-Encoding': 'chunked' }, ...chunk);
    expect(codeOf(await answer)).toEqual([413, 'BODY_TOO_LARGE']);
  });
});

it('answers health, metrics, feed and look-ups while the budget is used up', async () => {
  const { inspectionId } = await inspect(service.url, good.parts);
  await Promise.all(Array.from({ length: 12 }, () => post({ 'Content-Length': BODY_LIMIT_BYTES })));
  await untilHeld((bytes) => bytes > 3 * BODY_LIMIT_BYTES);
  const paths = ['/health/live', '/health/ready', '/metrics', '/v1/inspections', '/v1/models'];
  for (const path of [...paths, `/v1/inspections/${inspectionId}`])
    expect((await fetch(`${service.url}${path}`)).status).toBe(200);
});

it('does not wait for a body that no route takes', async () => {
  const socket = await openSocket(service.port);
  sockets.push(socket);
  const answer = readAnswer(socket);
  const head = `Host: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${BODY_LIMIT_BYTES}`;
  socket.write(`POST /nowhere HTTP/1.1\r\n${head}\r\n\r\n`);
  socket.write(Buffer.alloc(BODY_LIMIT_BYTES / 2, ' '));
  expect(codeOf(await answer)).toEqual([404, 'NOT_FOUND']);
});
