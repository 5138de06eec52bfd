// Posts captures to the service as a line controller does.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CaptureMetadata, type Inspection, inspectionSchema } from '../src/inspection.js';

/** The service answered, but with a problem instead of an inspection. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

export interface Answer {
  readonly inspection: Inspection;
  /** From the first byte sent to the last one read. */
  readonly latencyMs: number;
}

export interface CaptureToPost {
  /** "name@version". */
  readonly model: string;
  /** Modality → path of its file. */
  readonly files: ReadonlyMap<string, string>;
  readonly metadata: CaptureMetadata;
}

/** Overload is no judgement: such a capture is sent again, so often. */
const OVERLOAD_RETRIES = 5;

/** Throws RefusedError for a problem answer, and an Error of one line where the service cannot be reached. */
export async function postCapture(serviceUrl: string, capture: CaptureToPost): Promise<Answer> {
  const form = await formOf(capture);
  const url = new URL('/v1/inspections', serviceUrl);
  url.searchParams.set('model', capture.model);
  for (let retry = 0; ; retry++) {
    const startedMs = performance.now();
    const response = await reach(url, { method: 'POST', body: form });
    const body: unknown = await response.json();
    const latencyMs = performance.now() - startedMs;
    if (response.ok) return { inspection: inspectionSchema.parse(body), latencyMs };
    if (response.status !== 503 || retry === OVERLOAD_RETRIES) throw refusal(response.status, body);
    await sleep(1000 * Number(response.headers.get('retry-after') ?? 1));
  }
}

/** The heat map of an inspection over its picture, as PNG. */
export async function fetchHeatmap(serviceUrl: string, href: string): Promise<Buffer> {
  const response = await reach(new URL(`${href}?overlay=1`, serviceUrl));
  if (!response.ok) throw refusal(response.status, await response.json());
  return Buffer.from(await response.arrayBuffer());
}

/** fetch, with an error that says which service is meant. */
export async function reach(url: URL, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } };
    throw new Error(`No answer from ${url.origin}: ${cause?.code ?? cause?.message ?? String(error)}.`, {
      cause: error,
    });
  }
}

async function formOf({ files, metadata }: CaptureToPost): Promise<FormData> {
  const form = new FormData();
  form.append('metadata', JSON.stringify(metadata));
  for (const [modality, path] of files)
    form.append(modality, new Blob([await readFile(path)]), basename(path));
  return form;
}

function refusal(status: number, problem: unknown): RefusedError {
  const { code, detail } = problem as { code?: unknown; detail?: unknown };
  return new RefusedError(status, String(code ?? status), String(detail ?? 'no detail given'));
}
