// Splits a whole multipart/form-data body at its boundary (RFC 2046, 5.1; RFC 7578), without a copy.
import { ServiceError } from '../errors.js';

/** More than any station has sensors; beyond it somebody plays. */
const MAX_PARTS = 64;
/** Of one part; libraries write some 150 bytes. */
const MAX_HEAD_BYTES = 8192;

const CRLF = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const CLOSE = Buffer.from('--');

export interface FormPart {
  readonly name: string;
  readonly content: Buffer;
}

/** In the order of the body. Throws ServiceError BAD_MULTIPART. */
export function* splitMultipart(body: Buffer, contentType: string): Generator<FormPart> {
  const delimiter = Buffer.from(`\r\n--${boundaryOf(contentType)}`, 'latin1');
  let at = afterFirst(body, delimiter);
  for (let number = 1; !startsAt(body, at, CLOSE); number++) {
    if (number > MAX_PARTS) throw broken(`it has more than the limit of ${MAX_PARTS} parts`);
    const head = body.subarray(at, at + MAX_HEAD_BYTES);
    const headEnd = head.indexOf(HEAD_END);
    if (!startsAt(head, afterPadding(head), CRLF)) throw broken(`no line end follows boundary ${number}`);
    if (headEnd < 0) throw broken(`the headers of part ${number} do not end within ${MAX_HEAD_BYTES} bytes`);
    // "CRLF := the line break that precedes the delimiter is part of it": with no content, the head's own last one.
    const contentEnd = body.indexOf(delimiter, at + headEnd + CRLF.length);
    if (contentEnd < 0) throw broken('it ends before its last boundary');
    const contentStart = Math.min(at + headEnd + HEAD_END.length, contentEnd);
    yield {
      name: nameOf(head.toString('utf8', 0, headEnd)),
      content: body.subarray(contentStart, contentEnd),
    };
    at = contentEnd + delimiter.length;
  }
}

/** "boundary := 0*69<bchars> bcharsnospace" */
function boundaryOf(contentType: string): string {
  const [, quoted, token] = /;\s*boundary=(?:"([^"]*)"|([^\s;"]*))/i.exec(contentType) ?? [];
  const boundary = quoted ?? token ?? '';
  if (/^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/.test(boundary)) return boundary;
  throw new ServiceError('BAD_MULTIPART', {
    detail:
      boundary === ''
        ? 'The Content-Type names no boundary; multipart/form-data needs boundary=….'
        : "The boundary of the Content-Type is not one: 1 to 70 letters, digits and '()+_,-./:=? are.",
  });
}

/** Behind the preamble, which is there for mail programs. */
function afterFirst(body: Buffer, delimiter: Buffer): number {
  const opening = delimiter.subarray(CRLF.length);
  if (startsAt(body, 0, opening)) return opening.length;
  const found = body.indexOf(delimiter);
  if (found < 0) throw broken('the boundary that the Content-Type names is not in it');
  return found + delimiter.length;
}

/** "transport-padding": blanks that a gateway may have added. */
function afterPadding(head: Buffer): number {
  let at = 0;
  while (head[at] === 0x20 || head[at] === 0x09) at++;
  return at;
}

function startsAt(bytes: Buffer, at: number, wanted: Buffer): boolean {
  return bytes.subarray(at, at + wanted.length).equals(wanted);
}

/** Of Content-Disposition, which may be folded over lines. */
function nameOf(head: string): string {
  const unfolded = head.replaceAll(/\r\n[ \t]+/g, ' ');
  const disposition = /\r\ncontent-disposition:\s*form-data\s*(;[^\r\n]*)/i.exec(unfolded)?.[1] ?? '';
  // One parameter after the other: a file name may hold what looks like a name.
  for (const [, key, quoted, token] of disposition.matchAll(
    /;\s*([^\s=;"]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*/gy,
  )) {
    const value = quoted ?? token;
    if (key?.toLowerCase() === 'name' && value) return value.replaceAll(/\\(.)/g, '$1');
  }
  throw new ServiceError('BAD_MULTIPART', { detail: 'A part has no name; name it after its modality.' });
}

function broken(why: string): ServiceError {
  return new ServiceError('BAD_MULTIPART', { detail: `The multipart body cannot be read: ${why}.` });
}
