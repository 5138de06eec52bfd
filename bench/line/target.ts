// A service that runs already: the shift joins it where its feed ends, and leaves it as it is.
import { readFile } from 'node:fs/promises';
import { CONSUMER } from './mes.js';
import type { LineOptions } from './options.js';
import { PersistentClient, Refused } from './persistent-client.js';
import { modelIn, type Site } from './plant.js';
import { RECIPE, recipeOf } from './station.js';

const READY_WITHIN_MS = 60_000;

/** Throws an Error of one line where the key cannot be read, or the service is not there, or refuses. */
export async function joinTarget(url: string, options: LineOptions): Promise<Site> {
  const headers = options.keyFile === undefined ? {} : { authorization: await bearer(options.keyFile) };
  const client = new PersistentClient(url, AbortSignal.timeout(READY_WITHIN_MS), headers);
  await client.ask(`/v1/recipes/${RECIPE}`, () => ({
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(recipeOf(options.forms.includes('pieces'))),
  }));
  const shift = `shift-${Date.now().toString(36)}`;
  return {
    url,
    headers,
    model: modelIn(options.bundle),
    shift,
    begin: await feedEnd(client),
    isShared: true,
  };
}

async function bearer(keyFile: string): Promise<string> {
  const key = await readFile(keyFile, 'utf8').catch((cause: Error) => {
    throw new Error(`--key-file ${keyFile}: it cannot be read (${cause.message})`, { cause });
  });
  return `Bearer ${key.trim()}`;
}

/** From where the shift before has come to, if there was one. */
async function feedEnd(client: PersistentClient): Promise<string | undefined> {
  const known = await client
    .ask(`/v1/consumers/${CONSUMER}`, () => ({}))
    .catch((error: unknown) => {
      if (error instanceof Refused) return undefined;
      throw error;
    });
  for (let cursor = known?.body.cursor as string | undefined; ; ) {
    const query = new URLSearchParams({ limit: '500', ...(cursor !== undefined && { after: cursor }) });
    const { nextCursor } = (await client.ask(`/v1/inspections?${query}`, () => ({}))).body;
    if (nextCursor === cursor) return cursor;
    cursor = nextCursor as string;
  }
}
