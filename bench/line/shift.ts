// One shift: stations make parts, mishaps happen on time, the MES reads, and what is under way is waited for.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSampleCaptures } from '../sample-captures.js';
import type { Books, MadePart } from './balance.js';
import { Mes } from './mes.js';
import type { LineOptions } from './options.js';
import { type FullCapture, Parts } from './parts.js';
import { PersistentClient, type Traffic } from './persistent-client.js';
import type { Plant } from './plant.js';
import { noCounts, type ShiftCounts, Station } from './station.js';

export interface Shift {
  readonly books: Books;
  readonly counts: ShiftCounts;
  readonly traffic: Traffic;
  readonly revisions: number;
  readonly mishaps: readonly string[];
}

/** From the end of the shift: a service that has lost a part does not find it later. */
const PATIENCE_MS = 60_000;
/** When in the shift: apart, so that each is seen by itself. */
const KILL_AT = 0.35;
const OUTAGE_AT = 0.6;
const OUTAGE_SHARE = 0.1;

export async function workShift(
  options: LineOptions,
  plant: Plant,
  interrupted: AbortSignal,
  say: (line: string) => void,
): Promise<Shift> {
  const samples = await readSamples(options.bundle);
  const shiftMs = options.seconds * 1000;
  const giveUp = AbortSignal.any([interrupted, AbortSignal.timeout(shiftMs + PATIENCE_MS)]);
  const client = new PersistentClient(plant.url, giveUp);
  const counts = noCounts();
  const made: MadePart[] = [];
  const mes = new Mes(client);

  let over = false;
  const everythingSeen = () => {
    const seen = new Set(mes.polled.map(({ captureId }) => captureId));
    return over && made.every(({ captureId, fault }) => fault !== undefined || seen.has(captureId));
  };
  const polling = mes.poll(everythingSeen, giveUp);
  // Awaited below; until then its failure is not unheard of.
  polling.catch(() => {});
  const mishaps: string[] = [];
  const [sent] = await Promise.all([
    Promise.all(
      Array.from({ length: options.stations }, (_, i) => {
        const parts = new Parts(options, samples, i + 1);
        const station = new Station(client, counts, plant.model);
        return runStation({ parts, station, taktMs: options.taktMs, shiftMs, interrupted });
      }),
    ),
    causeMishaps(options, plant, shiftMs, interrupted, (line) => {
      mishaps.push(line);
      say(line);
    }),
  ]);
  made.push(...sent.flat());
  over = true;
  say(`${made.length} parts made; waiting for the rest of the feed.`);
  await polling;
  const { inspected, lag } = await mes.takeStock();
  const revisions = inspected.filter(({ revision }) => revision > 1).length;
  const books = { made, inspected, polled: mes.polled, acked: mes.acked, lag };
  return { books, counts, traffic: client.traffic, revisions, mishaps };
}

interface StationRun {
  readonly parts: Parts;
  readonly station: Station;
  readonly taktMs: number;
  readonly shiftMs: number;
  readonly interrupted: AbortSignal;
}

/** A part a takt, whether the one before was answered or not: the line does not wait. */
async function runStation({ parts, station, taktMs, shiftMs, interrupted }: StationRun): Promise<MadePart[]> {
  const startedMs = performance.now();
  const underWay: Promise<MadePart>[] = [];
  for (let turn = 0; turn * taktMs < shiftMs && !interrupted.aborted; turn += 1) {
    await sleep(Math.max(0, startedMs + turn * taktMs - performance.now()));
    underWay.push(station.send(parts.next()));
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

async function readSamples(bundle: string): Promise<FullCapture[]> {
  const captures = await readSampleCaptures(bundle);
  return Promise.all(
    captures.map(async ({ files }) => {
      const entries = [...files].map(async ([name, path]) => [name, await readFile(path)] as const);
      return new Map(await Promise.all(entries));
    }),
  );
}
