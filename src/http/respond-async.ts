// "Prefer: respond-async" (RFC 7240, 4.1): the client is told where to look, and does not wait for the verdict.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AcceptedCapture } from '../captures/accept.js';
import type { CaptureView } from '../captures/view.js';
import { captureLine, jsonOrLine } from './plain-text.js';

export const prefer = z.string().optional().describe('"respond-async": 202 at once, judged later');

/** On an answer that was given before. */
export const REPLAYED = 'idempotent-replay';

export function prefersAsync({ headers }: FastifyRequest): boolean {
  const preferences = [headers.prefer ?? []].flat().join(',').split(',');
  return preferences.some((preference) => preference.split(';')[0]?.trim().toLowerCase() === 'respond-async');
}

export function sendAccepted(
  request: FastifyRequest,
  reply: FastifyReply,
  { view, replayed }: AcceptedCapture,
): Promise<CaptureView> {
  if (replayed) reply.header(REPLAYED, 'true');
  reply.code(202).headers({
    location: `/v1/captures/${encodeURIComponent(view.captureId)}`,
    'preference-applied': 'respond-async',
  });
  return jsonOrLine(request, reply, view, captureLine);
}
