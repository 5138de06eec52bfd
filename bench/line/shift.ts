// One shift: stations make parts, mishaps happen on time, the MES reads, and what is under way is waited for.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Books, MadePart } from './balance.js';
import { Mes, takeStock } from './mes.js';
import type { LineOptions } from './options.js';
import { Parts } from './parts.js';
import { GaveUp, PersistentClient, type Traffic } from './persistent-client.js';
import type { Plant, Site } from './plant.js';
import { readSamples } from './samples.js';
import { noCounts, type ShiftCounts, Station } from './station.js';

export interface Shift {
  readonly books: Books;
  readonly counts: ShiftCounts;
  readonly traffic: Traffic;
  readonly revisions: number;
  readonly mishaps: readonly string[];
}

/** Without a part answered or polled: a slow machine is waited for, a part that is lost does not turn up later. */
const QUIET_MS = 60_000;
/** A station's computer sends so many at once; the parts behind them wait in it. */
const IN_FLIGHT = 4;
const STOCKTAKE_MS = 30_000;
/** When in the shift: apart, so that each is seen by itself. */
const KILL_AT = 0.35;
const OUTAGE_AT = 0.6;
const OUTAGE_SHARE = 0.1;

export async function workShift(
  options: LineOptions,
  site: Site,
  plant: Plant | undefined,
  interrupted: AbortSignal,
  say: (line: string) => void,
): Promise<Shift> {
  const samples = await readSamples(options.bundle);
  const shiftMs = options.seconds * 1000;
  const patience = startPatience(QUIET_MS, interrupted);
  const client = new PersistentClient(site.url, patience.signal, site.headers);
  const counts = noCounts();
  const made: MadePart[] = [];
  const mes = new Mes(client, site, patience.renew);

  let over = false;
  const everythingSeen = () => {
    const seen = new Set(mes.polled.map(({ captureId }) => captureId));
    return over && made.every(({ captureId, fault }) => fault !== undefined || seen.has(captureId));
  };
  const polling = mes.poll(everythingSeen, patience.signal).catch((error: unknown) => {
    // What it has not seen by now is what the balance is there to name.
    if (!(error instanceof GaveUp)) throw error;
  });
  const mishaps: string[] = [];
  const [sent] = await Promise.all([
    Promise.all(
      Array.from({ length: options.stations }, (_, i) => {
        const parts = new Parts(options, samples, i + 1, site.shift);
        const station = new Station(client, counts, site.model);
        return runStation({
          parts,
          station,
          taktMs: options.taktMs,
          shiftMs,
          interrupted,
          onSent: patience.renew,
        });
      }),
    ),
    plant &&
      causeMishaps(options, plant, shiftMs, interrupted, (line) => {
        mishaps.push(line);
        say(line);
      }),
  ]);
  made.push(...sent.flat());
  over = true;
  say(`${made.length} parts made; waiting for the rest of the feed.`);
  await polling;
  patience.end();
  interrupted.throwIfAborted();
  const stocktaking = startPatience(STOCKTAKE_MS, interrupted);
  const clerk = new PersistentClient(site.url, stocktaking.signal, site.headers);
  const { inspected, lag } = await takeStock(clerk, site);
  const explained = await explain(clerk, made, inspected);
  stocktaking.end();
  const revisions = inspected.filter(({ revision }) => revision > 1).length;
  const books = { made: explained, inspected, polled: mes.polled, acked: mes.acked, lag };
  return { books, counts, traffic: client.traffic, revisions, mishaps };
}

/** What the service says of the parts it accepted and did not inspect: mostly why it set them aside. */
async function explain(
  client: PersistentClient,
  made: readonly MadePart[],
  inspected: Books['inspected'],
): Promise<MadePart[]> {
  const known = new Set(inspected.map(({ captureId }) => captureId));
  return Promise.all(
    made.map(async (part) => {
      if (known.has(part.captureId) || part.fault !== undefined) return part;
      const view = await client.ask(`/v1/captures/${part.captureId}`, () => ({})).catch(() => undefined);
      if (view === undefined) return part;
      const { state, attempts, failure } = view.body;
      return { ...part, fault: `${state} after ${attempts} attempts: ${JSON.stringify(failure)}` };
    }),
  );
}

/** Aborts `ms` after the last renewal, or with `interrupted`. */
function startPatience(ms: number, interrupted: AbortSignal) {
  // Not AbortSignal.any() over a timeout: Node 20 may collect that before it fires (seen here).
  const over = new AbortController();
  const abort = () => over.abort();
  const timer = setTimeout(abort, ms);
  interrupted.addEventListener('abort', abort);
  const end = () => {
    clearTimeout(timer);
    interrupted.removeEventListener('abort', abort);
  };
  return { signal: over.signal, renew: () => void timer.refresh(), end };
}

interface StationRun {
  readonly parts: Parts;
  readonly station: Station;
  readonly taktMs: number;
  readonly shiftMs: number;
  readonly interrupted: AbortSignal;
  readonly onSent: () => void;
}

/** A part a takt, whether the one before was answered or not: the line does not wait. */
async function runStation({
  parts,
  station,
  taktMs,
  shiftMs,
  interrupted,
  onSent,
}: StationRun): Promise<MadePart[]> {
  const startedMs = performance.now();
  const underWay: Promise<MadePart>[] = [];
  for (let turn = 0; turn * taktMs < shiftMs && !interrupted.aborted; turn += 1) {
    await sleep(Math.max(0, startedMs + turn * taktMs - performance.now()));
    const before = underWay[turn - IN_FLIGHT];
    const part = parts.next();
    const sent = Promise.resolve(before).then(() => station.send(part));
    void sent.then(onSent);
    underWay.push(sent);
  }
  return Promise.all(underWay);
}

async function causeMishaps(
  { kill, redisOutage }: LineOptions,
  plant: Plant,
  shiftMs: number,
  interrupted: AbortSignal,
  tell: (line: string) => void,
): Promise<void> {
  const startedMs = performance.now();
  const at = async (share: number) => {
    const ms = Math.max(0, startedMs + share * shiftMs - performance.now());
    await sleep(ms, undefined, { signal: interrupted }).catch(() => {});
    return !interrupted.aborted;
  };
  if (kill && (await at(KILL_AT))) {
    const killedMs = performance.now();
    await plant.killAndRestart();
    tell(`The service was killed (-9) and was back after ${seconds(performance.now() - killedMs)} s.`);
  }
  if (redisOutage && (await at(OUTAGE_AT))) {
    const stoppedMs = performance.now();
    await plant.stopRedis();
    await at(OUTAGE_AT + OUTAGE_SHARE);
    await plant.startRedis();
    tell(`Redis was stopped, and was back after ${seconds(performance.now() - stoppedMs)} s.`);
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
