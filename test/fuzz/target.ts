// The service as a process that is sent rubbish, and what must hold of every answer to it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { metric } from '../support/metrics.js';
import { freePort, peakMemoryBytes, spawnService, untilReady } from '../support/process.js';
import { multipartBody, openSocket, type RawAnswer, readAnswer } from '../support/socket.js';
import { goldenCapture } from '../support/tiny-bundle.js';
import { post, type Request } from './requests.js';

const MIB = 1024 * 1024;
const IN_FLIGHT_BYTES = 128 * MIB;
/** As in test/app/resident-memory: what is given back is not collected at once. */
const UNCOLLECTED_BYTES = 150 * MIB;
const BODY_STALL_MS = 250;
/** A second, besides what a body that stops is waited for. */
const ANSWER_WITHIN_MS = 1000 + BODY_STALL_MS;
/** Requests of one round are on their way together. */
const ROUND = 6;

/** FUZZ_ROUNDS=5000 FUZZ_SEED=$RANDOM for a long run; the default takes a few seconds and is the same every time. */
const rounds = (fallback: number) => Number(process.env.FUZZ_ROUNDS ?? fallback);
const seed = Number(process.env.FUZZ_SEED ?? 1);

export interface Target {
  readonly url: string;
  /**
   * Sends what `requests` makes, some at once; each is answered, soon, and not with a fault of ours; after each round
   * a good capture is still judged rightly.
   */
  fuzz(requests: fc.Arbitrary<Request>, fallbackRounds: number): Promise<void>;
  /** Everything is given back, the feed can be read, memory has kept to its ceiling. */
  expectUnharmed(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTarget(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-fuzz-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const service = spawnService({
    PORT: String(port),
    STORE_PATH: join(folder, 'store'),
    IN_FLIGHT_BYTES: String(IN_FLIGHT_BYTES),
    BODY_STALL_MS: String(BODY_STALL_MS),
  });
  await untilReady(url, service);
  const { parts, scores } = await goldenCapture(0);
  const good = post('multipart/form-data; boundary=good', multipartBody('good', Object.entries(parts)));
  await exchange(port, good);
  const atRestBytes = await peakMemoryBytes(service);
  let peakBytes = 0;

  return {
    url,
    fuzz: (requests, fallbackRounds) =>
      fc.assert(
        fc.asyncProperty(fc.array(requests, { minLength: 1, maxLength: ROUND }), async (round) => {
          const answers = await Promise.all(round.map((request) => exchange(port, request)));
          for (const answer of answers) expectOurs(answer);
          const { status, body } = await exchange(port, good);
          const { branch, score } = JSON.parse(body);
          expect([status, branch]).toEqual([200, 'acoustic+depth+rgb']);
          expect(score).toBeCloseTo(scores.get('acoustic+depth+rgb') ?? Number.NaN, 4);
          peakBytes = Math.max(peakBytes, await peakMemoryBytes(service));
        }),
        { seed, numRuns: rounds(fallbackRounds), endOnFailure: true },
      ),
    async expectUnharmed() {
      expect(await metric(url, 'branchline_in_flight_bytes')).toBe(0);
      expect(await metric(url, 'branchline_inspections_in_flight')).toBe(0);
      await readFeed(url);
      expect(peakBytes - atRestBytes).toBeLessThan(IN_FLIGHT_BYTES + UNCOLLECTED_BYTES);
    },
    async stop() {
      service.child.kill('SIGKILL');
      await service.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Answer extends RawAnswer {
  readonly elapsedMs: number;
}

/** Says nothing more after the request, and waits: where it is not at its end, the service has to see that. */
async function exchange(port: number, { bytes }: Request): Promise<Answer> {
  const startedMs = performance.now();
  const socket = await openSocket(port);
  const answer = readAnswer(socket);
  socket.write(bytes);
  return { ...(await answer), elapsedMs: performance.now() - startedMs };
}

/** Judged or found, sent on, or a problem that is the client's or overload: never nothing, never a fault of ours. */
function expectOurs({ status, body, elapsedMs }: Answer): void {
  const refused = (status >= 400 && status < 500) || status === 503;
  const fine = status === 200 || status === 302 || (refused && typeof codeIn(body) === 'string');
  expect(fine ? 'fine' : { status, body }).toBe('fine');
  expect(elapsedMs).toBeLessThan(ANSWER_WITHIN_MS);
}

function codeIn(body: string): unknown {
  try {
    return JSON.parse(body).code;
  } catch {
    return undefined;
  }
}

/** One record that cannot be read would stop an MES for good. */
async function readFeed(url: string): Promise<void> {
  let after = '';
  for (;;) {
    const page = await fetch(`${url}/v1/inspections?limit=500${after && `&after=${after}`}`);
    expect(page.status).toBe(200);
    const { nextCursor, items } = (await page.json()) as { nextCursor: string; items: unknown[] };
    if (items.length === 0) return;
    after = nextCursor;
  }
}
