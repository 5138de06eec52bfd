// What a line controller does: posts captures, reads answers.

import type { Problem } from '../../src/http/problem.js';
import type { Inspection } from '../../src/inspection.js';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export type Parts = Readonly<Record<string, Uint8Array>>;

/** The parts as multipart/form-data; `metadata` an object, or any text. */
export function captureForm(parts: Parts, metadata?: object | string): FormData {
  const form = new FormData();
  if (metadata !== undefined)
    form.append('metadata', typeof metadata === 'string' ? metadata : JSON.stringify(metadata));
  for (const [name, bytes] of Object.entries(parts))
    form.append(name, new Blob([new Uint8Array(bytes)]), name);
  return form;
}

export async function readJson<T>(response: Response): Promise<Answer<T>> {
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}

/** Posts a capture that should be judged. Throws where it is not. */
export async function inspect(url: string, parts: Parts, metadata?: object, query = ''): Promise<Inspection> {
  const response = await fetch(`${url}/v1/inspections${query}`, {
    method: 'POST',
    body: captureForm(parts, metadata),
  });
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  return (await response.json()) as Inspection;
}

/** Posts a capture that should be refused. */
export async function refuse(
  url: string,
  body: FormData | string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  query = '',
): Promise<Answer<Problem>> {
  return readJson(await fetch(`${url}/v1/inspections${query}`, { method: 'POST', body, headers }));
}
