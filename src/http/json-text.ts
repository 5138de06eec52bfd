// Parses the JSON of a request, unless it is built to cost more memory than it has bytes.
import { ServiceError } from '../errors.js';

/** No body of the API nests deeper than ten. */
const MAX_DEPTH = 32;
/** A thousand acks with id and revision have six thousand. "[[],[],…" takes twenty times its bytes. */
const MAX_VALUES = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Throws ServiceError BAD_REQUEST. */
export function parseJson(body: Buffer): unknown {
  assertPlain(body);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ServiceError('BAD_REQUEST', {
      detail: `The body is not valid JSON: ${(cause as Error).message}.`,
      cause,
    });
  }
}

/** Base64 is jumped over, so that a capture costs no time here. */
function assertPlain(body: Buffer): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] as number;
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === COMMA) values++;
    else if (OPENING.has(byte)) {
      depth++;
      values++;
    } else if (CLOSING.has(byte)) depth--;
    if (depth > MAX_DEPTH) throw tooMuch(`nests deeper than ${MAX_DEPTH}`);
    if (values > MAX_VALUES) throw tooMuch(`holds more than ${MAX_VALUES} values`);
  }
}

/** Of its closing quote; of a string without one, the end of the body. */
function endOfString(body: Buffer, start: number): number {
  for (let at = body.indexOf(QUOTE, start + 1); at >= 0; at = body.indexOf(QUOTE, at + 1)) {
    let escapes = 0;
    while (body[at - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return body.length;
}

function tooMuch(what: string): ServiceError {
  return new ServiceError('BAD_REQUEST', { detail: `The JSON body ${what}, which no request needs.` });
}
