// One request of a station: an ordinary one, a slow one, or one that hangs up.
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import { drawBelow, type Random } from '../../bench/random.js';
import { captureForm, type Parts } from '../support/client.js';
import type { AnsweredInspection, Outcome } from './ledger.js';

export interface Manners {
  /** The body is sent in so many pieces, this long apart; undefined: at once. */
  readonly slow: { readonly pieces: number; readonly gapMs: number } | undefined;
  /** Hangs up after this; undefined: waits for the answer. */
  readonly hangUpAfterMs: number | undefined;
}

/** Longer than the service's own default deadline, after which it must have said something. */
const PATIENCE_MS = 30_000;

/** Of ten stations one hangs up, one is slow, and a few are both. */
export function drawManners(random: Random): Manners {
  const slow =
    random() < 0.1 ? { pieces: 2 + drawBelow(random, 8), gapMs: 20 + drawBelow(random, 80) } : undefined;
  const hangUpAfterMs = random() < 0.12 ? drawBelow(random, 300) : undefined;
  return { slow, hangUpAfterMs };
}

export interface Sending {
  readonly url: string;
  readonly dispatcher: Dispatcher;
  readonly captureId: string;
  readonly parts: Parts;
  readonly manners: Manners;
  /** Whether the service was killed since. */
  downSince(ms: number): boolean;
}

/** Never throws. */
export async function sendCapture(sending: Sending): Promise<Outcome> {
  const { url, dispatcher, captureId, parts, manners } = sending;
  const startedMs = performance.now();
  const hangUp = new AbortController();
  const timer = setTimeout(() => hangUp.abort(), manners.hangUpAfterMs ?? PATIENCE_MS);
  try {
    const encoded = new Response(captureForm(parts, { captureId }));
    const bytes = new Uint8Array(await encoded.arrayBuffer());
    const { statusCode, body } = await request(`${url}/v1/inspections`, {
      method: 'POST',
      dispatcher,
      headers: {
        'content-type': encoded.headers.get('content-type') ?? '',
        'content-length': String(bytes.length),
      },
      body: manners.slow === undefined ? bytes : Readable.from(inPieces(bytes, manners.slow, hangUp.signal)),
      signal: hangUp.signal,
    });
    const answer = (await body.json()) as AnsweredInspection & { code?: string };
    if (statusCode === 200) return { kind: 'answered', inspection: answer };
    return { kind: 'refused', status: statusCode, code: answer.code ?? '' };
  } catch (error) {
    if (hangUp.signal.aborted)
      return manners.hangUpAfterMs === undefined ? { kind: 'no-answer' } : { kind: 'aborted' };
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'connection-error', code: code ?? message, whileDown: sending.downSince(startedMs) };
  } finally {
    clearTimeout(timer);
  }
}

async function* inPieces(
  bytes: Uint8Array,
  { pieces, gapMs }: { readonly pieces: number; readonly gapMs: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const size = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += size) {
    if (at > 0) await sleep(gapMs, undefined, { signal });
    yield bytes.subarray(at, at + size);
  }
}
