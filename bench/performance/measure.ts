// Measures one contender in one round: start, closed loops and the ceiling beside them, open loops, stop.
import type { Contender, StartedContender } from '../contenders/contender.js';
import { planArrivals } from '../load/open-plan.js';
import type { LoadResult, LoadTask, PreparedRequest } from '../load/protocol.js';
import { runLoad } from '../load/run-load.js';
import { memoryOf, sampleMemory } from '../process-memory.js';
import { seededRandom } from '../random.js';
import type { PictureCapture } from './bodies.js';
import {
  type CeilingTask,
  ceilingKindOf,
  ceilingOf,
  type MeasuredCeiling,
  measureCeiling,
  nothingMeasured,
} from './ceiling.js';
import {
  type BodyKind,
  type ClosedFigures,
  closedFigures,
  type MeasuredBlock,
  type OpenFigures,
  openFigures,
  saturation,
} from './figures.js';

export const CLIENTS = [1, 2, 8, 32] as const;
const BUSIEST = Math.max(...CLIENTS);
export const LOADS = [0.5, 0.8, 1.2, 3] as const;
export const DEADLINE_MS = 1000;

const MEMORY_EVERY_MS = 250;

/** Of one capture at a time. */
const ANSWER_WITHIN_MS = 30_000;

/** Another decoder's JPEG may differ by a grey level; another capture's score differs by far more. */
const SCORE_TOLERANCE = 0.02;

export interface Measurement extends CeilingTask {
  /** As scoresOf gave them. */
  readonly expected: readonly number[];
  /** How long a contender is kept busy before its first closed loop. */
  readonly busyMs: number;
  /** The first of an open loop, which do not count. */
  readonly settleMs: number;
  /** For logs and stores. */
  readonly folder: string;
  onProgress(what: string): void;
}

/** Throws an Error of one line where the contender does not start, or does not judge as bare ONNX Runtime does. */
export async function measureContender(
  contender: Contender,
  round: number,
  measurement: Measurement,
): Promise<MeasuredBlock> {
  const { onProgress, bodies, expected } = measurement;
  const ours = contender.name === 'branchline';
  onProgress('start');
  const server = await contender.start(measurement.folder);
  try {
    const rss = async () => (await memoryOf(server.pid))?.rssBytes;
    const readyRssBytes = await rss();
    const pictures = [...new Set(bodies.png), ...new Set(bodies.jpeg)];
    await assertAnswers(contender, server, pictures, expected);
    await keepBusy(contender, server, measurement);
    const measured = nothingMeasured();
    const closed = await closedLoops(contender, server, measurement, ours, measured);
    const closedRssBytes = await rss();
    const ceiling = ceilingOf(measured);
    const open = await openLoops(contender, server, measurement, closed);
    const memory = { readyRssBytes, closedRssBytes, endRssBytes: await rss() };
    return { contender: contender.name, round, ceiling, readyMs: server.readyMs, ...memory, closed, open };
  } finally {
    await server.stop();
  }
}

/** A fast answer that is wrong is no answer. */
async function assertAnswers(
  contender: Contender,
  { url }: StartedContender,
  captures: readonly PictureCapture[],
  expected: readonly number[],
): Promise<void> {
  for (const [i, { picture }] of captures.entries()) {
    const { path, headers, body } = contender.requestFor(picture);
    // The first capture of a server that has not warmed up may take longer than the deadline of the bench.
    const sent = { ...headers, 'x-deadline-ms': String(ANSWER_WITHIN_MS) };
    const response = await fetch(`${url}${path}`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      method: 'POST',
      headers: sent,
      body: new Uint8Array(body),
    });
    const answer = (await response.json().catch(() => ({}))) as { score?: unknown };
    const wanted = expected[i] ?? Number.NaN;
    if (!(Math.abs(Number(answer.score) - wanted) <= SCORE_TOLERANCE))
      throw new Error(
        `${contender.title} answers ${response.status} with score ${answer.score} where bare ONNX Runtime ` +
          `says ${wanted.toFixed(4)}: it does not judge the same.`,
      );
  }
}

/**
 * As many clients as in the busiest closed loop; nothing is measured. A JIT needs thousands of captures: of Branchline's
 * CPU time for one, the part that is not the runs fell from 29 to 23 % of theirs within the first minute, and no further.
 */
export async function keepBusy(
  contender: Contender,
  { url }: Pick<StartedContender, 'url'>,
  { bodies, busyMs, signal, onProgress }: Pick<Measurement, 'bodies' | 'busyMs' | 'signal' | 'onProgress'>,
): Promise<void> {
  onProgress(`warm-up of ${busyMs / 1000} s`);
  const requests = requestsFor(contender, [...bodies.png, ...bodies.jpeg]);
  await runLoad({ kind: 'closed', url, requests, clients: BUSIEST, warmUpMs: 0, measureMs: busyMs }, signal);
}

async function closedLoops(
  contender: Contender,
  { url }: StartedContender,
  measurement: Measurement,
  ours: boolean,
  measured: MeasuredCeiling,
): Promise<ClosedFigures[]> {
  const { bodies, drive, measureMs, warmUpMs, signal, onProgress } = measurement;
  const kinds: [BodyKind, PreparedRequest[], readonly number[]][] = [
    ['png', requestsFor(contender, bodies.png), CLIENTS],
    ['jpeg', requestsFor(contender, bodies.jpeg), CLIENTS],
  ];
  if (ours) {
    kinds.push(['mix', bodies.mix.map(({ request }) => request), CLIENTS]);
    kinds.push(['png, all defective', requestsFor(contender, bodies.defectivePng), [BUSIEST]]);
  }
  // On a GPU the mix has none: each worker would open fifteen branches there.
  const withMix = drive.provider === 'cpu';
  const closed: ClosedFigures[] = [];
  for (const [body, requests, allClients] of kinds) {
    const ceilings = allClients.map((clients) => ceilingKindOf(body, clients, withMix));
    for (const [i, clients] of allClients.entries()) {
      const ceiling = ceilings[i];
      const beside = async () => {
        if (ceiling === undefined) return;
        onProgress(`${body}, ceiling of ${ceiling === 'one' ? 'one worker' : 'all workers'}`);
        await measureCeiling(measurement, ceiling, measured);
      };
      await beside();
      onProgress(`${body}, ${clients} clients`);
      const result = await runLoad({ kind: 'closed', url, requests, clients, warmUpMs, measureMs }, signal);
      closed.push(closedFigures(body, clients, measureMs, result));
      // Otherwise it is measured before the next loop.
      if (ceilings[i + 1] !== ceiling) await beside();
    }
  }
  return closed;
}

/** In the order of the captures; one request a capture, however often it is sent. */
function requestsFor(contender: Contender, captures: readonly PictureCapture[]): PreparedRequest[] {
  const requests = new Map<PictureCapture, PreparedRequest>();
  return captures.map((capture) => {
    const request = requests.get(capture) ?? contender.requestFor(capture.picture);
    requests.set(capture, request);
    return request;
  });
}

async function openLoops(
  contender: Contender,
  server: StartedContender,
  measurement: Measurement,
  closed: readonly ClosedFigures[],
): Promise<OpenFigures[]> {
  const capacity = saturation(closed, 'png')?.perSecond ?? 0;
  // Nothing was answered: there is no capacity to offer a multiple of.
  if (capacity === 0) return [];
  const normalMs = closed.find(({ body, clients }) => body === 'png' && clients === 1)?.latencyMs?.p50;
  const open: OpenFigures[] = [];
  for (const load of LOADS) {
    measurement.onProgress(`open loop at ${load * 100} % of ${capacity.toFixed(1)}/s`);
    const sampler = sampleMemory(server.pid, MEMORY_EVERY_MS);
    const endMs = measurement.settleMs + 2 * measurement.measureMs;
    const result = await offer(contender, server, measurement, {
      perSecond: load * capacity,
      endMs,
      // After every load, so that the next one meets a server that has none of the last one's left.
      normalMs,
    });
    const samples = (await sampler.stop()).map(({ rssBytes }) => rssBytes);
    const peak = samples.length === 0 ? undefined : Math.max(...samples);
    const window = { settleMs: measurement.settleMs, endMs, deadlineMs: DEADLINE_MS };
    open.push(openFigures(load, window, result, peak));
  }
  return open;
}

interface Offer {
  readonly perSecond: number;
  readonly endMs: number;
  readonly normalMs: number | undefined;
}

function offer(
  contender: Contender,
  { url }: StartedContender,
  { bodies, signal }: Measurement,
  { perSecond, endMs, normalMs }: Offer,
): Promise<LoadResult> {
  const task: LoadTask = {
    kind: 'open',
    url,
    requests: requestsFor(contender, bodies.png),
    arrivalsMs: planArrivals(perSecond, endMs, seededRandom(1)),
    deadlineMs: DEADLINE_MS,
    probes: contender.probes,
    normalMs,
  };
  return runLoad(task, signal);
}
