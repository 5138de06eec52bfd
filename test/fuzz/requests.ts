// What rubbish is made of: files, numbers and bytes that are almost right, and the HTTP around them.
import fc from 'fast-check';

/** Where the length on the wire is told, rightly or not. */
export type Framing = 'length' | 'short' | 'long' | 'chunked' | 'both' | 'absurd';

export const framing = fc.constantFrom<Framing>(
  'length',
  'length',
  'length',
  'short',
  'long',
  'chunked',
  'both',
  'absurd',
);

/** As it goes over the wire; it is printed where it breaks something. */
export class Request {
  constructor(readonly bytes: Buffer) {}

  [fc.toStringMethod](): string {
    const text = JSON.stringify(this.bytes.toString('latin1').slice(0, 600));
    return `${this.bytes.length} bytes: ${text}`;
  }
}

/** A whole POST of a capture. */
export function post(contentType: string, body: Buffer, how: Framing = 'length', query = ''): Request {
  const head = [
    `POST /v1/inspections${query} HTTP/1.1`,
    'Host: line-1',
    'Connection: close',
    ...(contentType === '' ? [] : [`Content-Type: ${contentType}`]),
    ...lengthHeaders(how, body.length),
  ];
  const sent = how === 'chunked' || how === 'both' ? chunked(body) : body;
  return new Request(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), sent]));
}

function lengthHeaders(how: Framing, length: number): string[] {
  switch (how) {
    case 'length':
      return [`Content-Length: ${length}`];
    case 'short':
      return [`Content-Length: ${Math.floor(length / 2)}`];
    case 'long':
      return [`Content-Length: ${2 * length + 1}`];
    case 'chunked':
      return ['Transfer-Encoding: chunked'];
    case 'both':
      return [`Content-Length: ${length}`, 'Transfer-Encoding: chunked'];
    case 'absurd':
      return ['Content-Length: 99999999999999999999'];
  }
}

function chunked(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  const size = Math.max(1, Math.ceil(body.length / 3));
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Some damage that leaves most of the bytes as they were. */
export function damaged(bytes: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat(Math.max(0, bytes.length - 1));
  // Headers are where a decoder is deceived.
  const early = fc.nat(Math.max(0, Math.min(300, bytes.length) - 5));
  return fc.oneof(
    at.map((end) => bytes.subarray(0, end)),
    fc
      .tuple(at, fc.nat(255))
      .map(([where, value]) => changed(bytes, (copy) => copy.subarray(where, where + 1).fill(value))),
    fc.tuple(early, fc.constantFrom(...EXTREMES), fc.boolean()).map(([where, value, little]) =>
      changed(bytes, (copy) => {
        if (copy.length < where + 4) return;
        if (little) copy.writeUInt32LE(value, where);
        else copy.writeUInt32BE(value, where);
      }),
    ),
    fc
      .tuple(at, fc.uint8Array({ maxLength: 64 }))
      .map(([where, added]) => Buffer.concat([bytes.subarray(0, where), added, bytes.subarray(where)])),
    fc
      .tuple(at, fc.nat(200))
      .map(([where, gone]) => Buffer.concat([bytes.subarray(0, where), bytes.subarray(where + gone)])),
  );
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}
