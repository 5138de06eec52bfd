// Multipart bodies as libraries, gateways and mail programs write them, and as nobody should.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { splitMultipart } from '../../src/http/split-multipart.js';

const TYPE = 'multipart/form-data; boundary=b';
const split = (body: string | Buffer, contentType = TYPE) =>
  [...splitMultipart(Buffer.from(body), contentType)].map(({ name, content }) => [
    name,
    content.toString('latin1'),
  ]);
const part = (content: string, head = 'Content-Disposition: form-data; name="rgb"') =>
  `--b\r\n${head}\r\n\r\n${content}\r\n`;

describe('splitMultipart', () => {
  it('gives back whatever was put in, also what looks like a boundary', () => {
    const content = fc
      .array(fc.constantFrom('\r', '\n', '-', 'b', '\r\n', '\r\n-', '\r\n--', '\0', 'x'), { maxLength: 12 })
      .map((pieces) => pieces.join(''))
      .filter((text) => !`\r\n${text}\r\n`.includes('\r\n--b'));
    const parts = fc.array(fc.tuple(fc.constantFrom('rgb', 'depth', 'metadata'), content), { maxLength: 5 });
    fc.assert(
      fc.property(parts, (entries) => {
        const body = entries.map(([name, text]) =>
          part(text, `Content-Disposition: form-data; name="${name}"`),
        );
        expect(split(`${body.join('')}--b--\r\n`)).toEqual(entries);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('reads what fetch writes', async () => {
    const form = new FormData();
    form.append('rgb', new Blob([Uint8Array.of(13, 10, 45, 45, 0, 255)]), 'a "name".png');
    form.append('metadata', '{}');
    const sent = new Response(form);
    const body = Buffer.from(await sent.arrayBuffer());
    expect(split(body, sent.headers.get('content-type') ?? '')).toEqual([
      ['rgb', '\r\n--\0\xff'],
      ['metadata', '{}'],
    ]);
  });

  it.each([
    ['a preamble and an epilogue', `Hello\r\n${part('x')}--b--\r\nGoodbye\r\n--b\r\n`, [['rgb', 'x']]],
    ['blanks after the boundary', part('x').replace('--b', '--b \t'), [['rgb', 'x']]],
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
    [
      'not even a line end for it',
      '--b\r\nContent-Disposition: form-data; name="rgb"\r\n\r\n',
      [['rgb', '']],
    ],
  ])('takes %s', (_what, body, parts) => {
    expect(split(`${body || part('x')}${/--b--/.test(body) ? '' : '--b--'}`)).toEqual(parts);
  });

  it.each([
    ['the boundary missing', 'x', /the boundary that the Content-Type names is not in it/],
    ['no last boundary', part('x'), /ends before its last boundary/],
    ['a part cut off', part('x').slice(0, -1), /ends before its last boundary/],
    ['line feeds alone', `${part('x')}--b--`.replaceAll('\r', ''), /no line end follows boundary 1/],
    ['a boundary that goes on', `${part('x')}--bc\r\n`, /no line end follows boundary 2/],
    ['headers cut off', part('x').slice(0, -5), /headers of part 1 do not end within 8192 bytes/],
    [
      'headers without an end',
      `--b\r\n${'x'.repeat(9000)}`,
      /headers of part 1 do not end within 8192 bytes/,
    ],
    ['65 parts', `${part('x').repeat(65)}--b--`, /more than the limit of 64 parts/],
    [
      'a part without a name',
      `${part('x', 'Content-Disposition: form-data; filename="x"')}--b--`,
      /has no name/,
    ],
    ['an attachment', `${part('x', 'Content-Disposition: attachment; name="rgb"')}--b--`, /has no name/],
  ])('refuses %s', (_what, body, detail) => {
    expect(() => split(body)).toThrow(detail);
  });

  it.each([
    ['multipart/form-data', /names no boundary/],
    ['multipart/form-data; boundary=', /names no boundary/],
    ['multipart/form-data; boundary=""', /names no boundary/],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, /1 to 70/],
    ['multipart/form-data; boundary="ä"', /1 to 70/],
    ['multipart/form-data; boundary="b "', /1 to 70/],
  ])('refuses the content type %s', (contentType, detail) => {
    expect(() => split(`${part('x')}--b--`, contentType)).toThrow(detail);
  });
});
