// Multipart bodies as libraries, gateways and mail programs write them, and as nobody should.
import { PassThrough, Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { ServiceError } from '../../src/errors.js';
import { readMultipart } from '../../src/http/multipart.js';
import type { BodyReading } from '../../src/http/read-body.js';

const TYPE = 'multipart/form-data; boundary=b';
const DEPTH = 'Content-Disposition: form-data; name="depth"';
const part = (content: string, head = 'Content-Disposition: form-data; name="rgb"') =>
  `--b\r\n${head}\r\n\r\n${content}\r\n`;

let server: FastifyInstance;
let grownBytes = 0;
const reading = (announcedBytes: number): BodyReading => ({
  announcedBytes,
  bodyLimitBytes: 1024 * 1024,
  bodyStallMs: 3000,
  onStall: () => {},
  claim: { growBody: (bytes) => (grownBytes += bytes) },
  signal: new AbortController().signal,
});
beforeAll(async () => {
  server = Fastify();
  await server.register(multipart);
  server.post('/', async (request) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    const { parts, metadata } = await readMultipart(request, reading(announced));
    const texts = [...parts].map(([name, bytes]) => [name, Buffer.from(bytes).toString('latin1')]);
    return metadata === undefined ? texts : [...texts, ['metadata', metadata.toString('latin1')]];
  });
});
afterAll(() => server.close());

/** In pieces of `pieceBytes`, or with its length and in one piece. */
async function send(body: string | Buffer, contentType = TYPE, pieceBytes?: number) {
  const bytes = Buffer.from(body as string, 'latin1');
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes ?? bytes.length)
    pieces.push(bytes.subarray(at, at + (pieceBytes ?? bytes.length)));
  const answer = await server.inject({
    method: 'POST',
    url: '/',
    headers: { 'content-type': contentType },
    payload: pieceBytes === undefined ? bytes : Readable.from(pieces),
  });
  return answer.statusCode === 200 ? answer.json() : answer.json().message;
}

describe('readMultipart', () => {
  it('gives back whatever was put in, also what looks like a boundary, however it is cut into pieces', async () => {
    const content = fc
      .array(fc.constantFrom('\r', '\n', '-', 'b', '\r\n', '\r\n-', '\r\n--', '\0', 'x'), { maxLength: 12 })
      .map((pieces) => pieces.join(''))
      .filter((text) => !`\r\n${text}\r\n`.includes('\r\n--b'));
    const parts = fc.uniqueArray(fc.tuple(fc.constantFrom('rgb', 'depth', 'infrared', 'metadata'), content), {
      selector: ([name]) => name,
      minLength: 1,
    });
    const inOrder = parts.map((entries) => [
      ...entries.filter(([name]) => name !== 'metadata'),
      ...entries.filter(([name]) => name === 'metadata'),
    ]);
    await fc.assert(
      fc.asyncProperty(
        inOrder,
        fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
        async (entries, size) => {
          const body = entries.map(([name, text]) =>
            part(text ?? '', `Content-Disposition: form-data; name="${name}"`),
          );
          expect(await send(`${body.join('')}--b--\r\n`, TYPE, size)).toEqual(entries);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  it('reads what fetch writes', async () => {
    const form = new FormData();
    form.append('rgb', new Blob([Uint8Array.of(13, 10, 45, 45, 0, 255)]), 'a "name".png');
    form.append('metadata', '{}');
    const sent = new Response(form);
    const body = Buffer.from(await sent.arrayBuffer());
    expect(await send(body, sent.headers.get('content-type') ?? '')).toEqual([
      ['rgb', '\r\n--\0\xff'],
      ['metadata', '{}'],
    ]);
  });

  it('holds a body without a length once, in a buffer that grows', async () => {
    grownBytes = 0;
    const content = 'x'.repeat(300_000);
    expect(await send(`${part(content)}${part('y', DEPTH)}--b--`, TYPE, 1000)).toEqual([
      ['rgb', content],
      ['depth', 'y'],
    ]);
    expect(grownBytes).toBeLessThanOrEqual(2 * 301_000);
    grownBytes = 0;
    await send(`${part(content)}--b--`);
    expect(grownBytes).toBe(0);
  });

  it('reads an epilogue away that comes long after the last boundary', async () => {
    const body = `${part('x')}--b--\r\n${'y'.repeat(500_000)}`;
    expect(await send(body, TYPE, 1000)).toEqual([['rgb', 'x']]);
  });

  it('refuses a body that its parser has all of and says nothing to', async () => {
    const raw = new PassThrough();
    const parts = () => {
      raw.resume();
      return new PassThrough();
    };
    const read = readMultipart({ raw, parts } as unknown as FastifyRequest, reading(0));
    raw.write('x');
    setTimeout(() => raw.end(), 20);
    await expect(read).rejects.toMatchObject({ code: 'BAD_MULTIPART' });
  });

  it('reserves nothing more for a body that was refused', async () => {
    grownBytes = 0;
    const chunk = Buffer.from(part('x'.repeat(200_000)));
    const raw = new PassThrough();
    const parts = async function* () {
      raw.resume();
      yield { type: 'file', fieldname: 'rgb', file: Readable.from([chunk]) };
    };
    const read = readMultipart({ raw, parts } as unknown as FastifyRequest, {
      ...reading(0),
      signal: AbortSignal.abort(new ServiceError('CLIENT_GONE', { detail: 'Nobody waits.' })),
    });
    await expect(read).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(grownBytes).toBe(0);
  });

  it.each([
    ['a preamble and an epilogue', `Hello\r\n${part('x')}--b--\r\nGoodbye\r\n--b\r\n`, [['rgb', 'x']]],
    ['a long epilogue', `${part('x')}--b--\r\n${'y'.repeat(500_000)}`, [['rgb', 'x']]],
    ['no line end at the very end', '', [['rgb', 'x']]],
    ['a folded header', part('x', 'Content-Disposition: form-data;\r\n name="rgb"'), [['rgb', 'x']]],
    [
      'other case, other headers',
      part('x', 'X: y\r\nCONTENT-DISPOSITION: Form-Data; NAME=rgb'),
      [['rgb', 'x']],
    ],
    [
      'a file name that looks like a name',
      part('x', 'Content-Disposition: form-data; filename="; name=\\"depth\\""; name="rgb"'),
      [['rgb', 'x']],
    ],
    ['no content', part(''), [['rgb', '']]],
  ])('takes %s', async (_what, body, parts) => {
    expect(await send(`${body || part('x')}${/--b--/.test(body) ? '' : '--b--'}`)).toEqual(parts);
  });

  it.each([
    ['the boundary missing', 'x', /cannot be read/],
    ['no last boundary', part('x'), /cannot be read/],
    ['a part cut off', part('x').slice(0, -1), /cannot be read/],
    ['line feeds alone', `${part('x')}--b--`.replaceAll('\r', ''), /cannot be read/],
    ['a boundary that goes on', `${part('x')}--bc\r\n`, /cannot be read/],
    ['headers cut off', part('x').slice(0, -5), /cannot be read/],
    ['headers without an end', `--b\r\n${'x'.repeat(9000)}`, /cannot be read/],
    [
      '65 parts',
      `${Array.from({ length: 65 }, (_, i) => part('x', `Content-Disposition: form-data; name="m${i}"`)).join('')}--b--`,
      /more than the limit of 64 parts/,
    ],
    ['65 parts of one name', `${part('x').repeat(65)}--b--`, /Two parts are named "rgb"/],
    [
      'a part without a name',
      `${part('x', 'Content-Disposition: form-data; filename="x"')}--b--`,
      /has no name/,
    ],
    ['a name without a value', `${part('x', 'Content-Disposition: form-data; name=""')}--b--`, /has no name/],
    [
      'a name of every object',
      `${part('x', 'Content-Disposition: form-data; name="constructor"')}--b--`,
      /not allowed/,
    ],
  ])('refuses %s', async (_what, body, detail) => {
    expect(await send(body)).toMatch(detail);
  });

  it.each([
    ['multipart/form-data', /names no boundary/],
    ['multipart/form-data; boundary=', /cannot be read/],
    ['multipart/form-data; boundary=""', /cannot be read/],
    [`multipart/form-data; boundary=${'x'.repeat(300)}`, /cannot be read/],
    ['multipart/form-data; boundary="b "', /cannot be read/],
  ])('refuses the content type %s', async (contentType, detail) => {
    expect(await send(`${part('x')}--b--`, contentType)).toMatch(detail);
  });
});
