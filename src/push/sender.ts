// Makes one attempt to deliver an event: a CloudEvent in HTTP binary mode, signed; and says what came of it.
import { Agent, type Dispatcher, request } from 'undici';
import { retryAfterMs } from './backoff.js';
import { EVENT_SOURCE, type PushEvent } from './event.js';
import type { Webhook } from './push-store.js';
import { signature } from './signature.js';
import type { Targets } from './target.js';

export type Outcome =
  | { readonly kind: 'delivered' }
  /** The receiver wants no more of them, ever. */
  | { readonly kind: 'gone'; readonly fault: string }
  | { readonly kind: 'failed'; readonly fault: string; readonly retryAfterMs?: number };

/** Never rejects; where `signal` aborts, what it answers means nothing. */
export type Send = (webhook: Webhook, event: PushEvent, signal: AbortSignal) => Promise<Outcome>;

export interface Sender {
  readonly send: Send;
  close(): Promise<void>;
}

/** Of an answer nobody reads: enough to keep the connection for the next event. */
const MAX_ANSWER_BYTES = 16 * 1024;
/** A receiver may say why in a line of text; more of it is no use in a list. */
const MAX_FAULT_LENGTH = 300;

export function createSender(options: {
  readonly targets: Targets;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
}): Sender {
  const { targets, timeoutMs, nowMs } = options;
  // undici follows no redirects unless told to: an allowed host must not send us elsewhere.
  const agent = new Agent({ connect: targets.connector(timeoutMs), connections: 2, pipelining: 1 });
  const send: Send = async (webhook, event, signal) => {
    const url = new URL(webhook.url);
    const listed = targets.faultOf(url);
    if (listed !== undefined) return failed(listed);
    // Not AbortSignal.any() over a timeout: Node 20 may collect that before it fires (seen).
    const cut = new AbortController();
    const end = () => cut.abort();
    const timer = setTimeout(end, timeoutMs);
    signal.addEventListener('abort', end);
    try {
      const answer = await request(url, {
        ...message(webhook, event, Math.floor(nowMs() / 1000)),
        dispatcher: agent,
        signal: cut.signal,
      });
      // The status says it all, however the rest of the answer goes.
      await answer.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => {});
      return outcomeOf(answer, url, nowMs());
    } catch (error) {
      return failed(cut.signal.aborted ? `no answer within ${timeoutMs} ms` : reason(error));
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  };
  return { send, close: () => agent.destroy() };
}

function message({ secret }: Webhook, event: PushEvent, timestampSeconds: number) {
  const { id, type, inspection } = event;
  const body = JSON.stringify(inspection);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'branchline',
    'ce-specversion': '1.0',
    'ce-id': headerText(id),
    'ce-source': EVENT_SOURCE,
    'ce-type': type,
    'ce-subject': headerText(inspection.inspectionId),
    'ce-time': inspection.completedAt,
    'ce-verdict': inspection.verdict,
    ...(inspection.lineId === null ? {} : { 'ce-lineid': headerText(inspection.lineId) }),
    'webhook-id': headerText(id),
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signature(secret, id, timestampSeconds, body),
  };
  return { method: 'POST' as const, headers, body };
}

/**
 * "Space (U+0020), double-quote (U+0022), percent (U+0025), and any characters outside the printable ASCII range
 * of U+0021-U+007E […] MUST be percent-encoded" (CloudEvents 1.0, HTTP binding, 3.1.3.2).
 */
function headerText(text: string): string {
  return text
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
    .replace(/[^\u0021\u0023\u0024\u0026-\u007e]/gu, encodeURIComponent);
}

function outcomeOf({ statusCode, headers }: Dispatcher.ResponseData, url: URL, nowMs: number): Outcome {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered' };
  if (statusCode === 410) return { kind: 'gone', fault: `${url.origin} answered 410 Gone` };
  const location = text(headers.location);
  if (statusCode >= 300 && statusCode < 400 && location !== undefined)
    return failed(
      `${url.origin} answered ${statusCode} to ${location}: redirects are not followed; give the final address`,
    );
  return failed(`${url.origin} answered ${statusCode}`, retryAfterMs(text(headers['retry-after']), nowMs));
}

function failed(fault: string, retryAfterMs?: number): Outcome {
  const short = fault.slice(0, MAX_FAULT_LENGTH);
  return { kind: 'failed', fault: short, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** Node hides the reasons of a connection to several addresses in a list. */
function reason(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: Error[] };
  return message || errors?.map((one) => one.message).join('; ') || code || String(error);
}
