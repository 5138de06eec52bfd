// The routes that read and mark records, on a store of their own and without inference: verdicts are the test's choice.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { consumerRoutes } from '../../src/http/consumers.js';
import { feedRoutes } from '../../src/http/feed.js';
import { lineRoutes } from '../../src/http/lines.js';
import { reviewRoutes } from '../../src/http/reviews.js';
import { acceptBodies, createServer } from '../../src/http/server.js';
import { openLmdbStore } from '../../src/store/lmdb.js';
import type { ResultStore } from '../../src/store/store.js';
import { type Answer, readJson } from './client.js';

export interface RecordsServer {
  readonly url: string;
  readonly store: ResultStore;
  get<T>(path: string, headers?: Record<string, string>): Promise<Answer<T>>;
  post<T>(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
  close(): Promise<void>;
}

const options = {
  bodyLimitBytes: 1e6,
  bodyStallMs: 5000,
  defaultDeadlineMs: 10_000,
  eventsMaxClients: 1,
  logLevel: 'silent',
};

export async function startRecordsServer(): Promise<RecordsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-records-'));
  const store = await openLmdbStore({ path: folder });
  const closing = new AbortController();
  const server = createServer(options, closing.signal, () => {});
  await acceptBodies(server);
  feedRoutes(server, { store, closing: closing.signal });
  reviewRoutes(server, { store, ...options });
  consumerRoutes(server, { store, ...options });
  lineRoutes(server, { store, ...options });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    store,
    get: async (path, headers = {}) => readJson(await fetch(`${url}${path}`, { headers })),
    post: async (path, body, headers = { 'content-type': 'application/json' }) =>
      readJson(
        await fetch(`${url}${path}`, {
          method: 'POST',
          body: typeof body === 'string' ? body : JSON.stringify(body),
          headers,
        }),
      ),
    close: async () => {
      closing.abort();
      server.server.closeAllConnections();
      await server.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
