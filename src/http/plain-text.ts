// One short line instead of JSON, for controllers that cannot parse JSON: "NG 0.83" by "Accept: text/plain".
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CaptureView } from '../captures/view.js';
import type { ServiceError } from '../errors.js';
import type { Inspection } from '../inspection.js';
import { prefersText } from './accept.js';

const TEXT_TYPE = 'text/plain';
/** Fastify adds a charset to JSON alone. */
export const TEXT_CONTENT_TYPE = 'text/plain; charset=utf-8';

/** Beside the JSON of a route's answer, in its schema. */
export const asText = (line: string) => ({
  [TEXT_TYPE]: { schema: z.string().describe(`one line: ${line}`) },
});

const DECIMALS = 2;

/** `body` itself, which becomes JSON, or its line where the client would rather have that. */
export async function jsonOrLine<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  body: T,
  lineOf: (body: T) => string | Promise<string>,
): Promise<T> {
  reply.header('vary', 'accept');
  if (!prefersText(request.headers.accept)) return body;
  reply.type(TEXT_CONTENT_TYPE);
  // Fastify sends a string as it is, whatever the route's JSON looks like.
  return (await lineOf(body)) as T;
}

export function inspectionLine({ verdict, score, thresholds }: Inspection): string {
  if (score === null) return verdict;
  const reached = { OK: 0, REVIEW: thresholds?.review, NG: thresholds?.reject, NOT_DECIDABLE: 0 }[verdict];
  return `${verdict} ${cutAbove(score, reached ?? 0)}`;
}

/** Of a capture that was set aside, why. */
export function captureLine({ state, failure }: CaptureView): string {
  return state === 'FAILED' && failure !== null ? errorLine(failure.code, failure.detail) : state;
}

export function refusalLine({ code, message }: ServiceError): string {
  return errorLine(code, message);
}

/** Of what a client sent, a detail may quote line breaks. */
function errorLine(code: string, detail: string): string {
  return `ERROR ${code} ${detail.replaceAll(/\s+/g, ' ').trim()}`;
}

/**
 * Cut, not rounded: 0.499 is below 0.5, and must not read 0.50. Where two decimals would fall below the threshold that
 * the score reached, such as 0.505, there are as many as it takes.
 */
function cutAbove(score: number, reached: number): string {
  const [whole = '0', fraction = ''] = decimalsOf(score).split('.');
  for (let decimals = DECIMALS; ; decimals++) {
    const cut = `${whole}.${fraction.slice(0, decimals).padEnd(DECIMALS, '0')}`;
    if (decimals >= fraction.length || Number(cut) >= reached) return cut;
  }
}

/** The shortest digits that mean this number, as JSON has them; below a millionth, where JSON has an exponent, more. */
function decimalsOf(score: number): string {
  const text = String(score);
  return text.includes('e') ? score.toFixed(20) : text;
}
