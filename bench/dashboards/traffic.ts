// Traffic that leaves a trace in every metric: three lines, sensors missing, broken and frozen, readers, impatience.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { reach } from '../client.js';
import { readSampleCaptures, type SampleCapture } from '../sample-captures.js';

const BUNDLE = 'models/demo-part/3';
const LINES = ['line-1', 'line-2', 'line-3'];
const TAKT_MS = 400;
/** No run is that fast: refused as DEADLINE_UNREACHABLE. */
const IMPATIENT_MS = 1;
/** Every so many captures one is impatient, one heat map is looked at, one page of the feed is read. */
const EVERY = 5;

/** Drift says nothing of fewer than a hundred scores of one branch. */
const OF_ONE_BRANCH = 110;

/** The number of captures sent. */
export async function playFor(serviceUrl: string, durationMs: number): Promise<number> {
  const captures = await readSampleCaptures(BUNDLE);
  const endMs = performance.now() + durationMs;
  let sent = 0;
  const sound = soundOf(captures);
  for (; sent < OF_ONE_BRANCH; sent++) await post(serviceUrl, sound, 'line-1', undefined);
  for (; performance.now() < endMs; sent++) {
    const capture = captures[sent % captures.length];
    const lineId = LINES[sent % LINES.length];
    if (capture === undefined || lineId === undefined) break;
    const nextMs = performance.now() + TAKT_MS;
    const href = await post(serviceUrl, capture, lineId, sent % EVERY === 1 ? IMPATIENT_MS : undefined);
    if (sent % EVERY === 2 && href !== undefined) await read(serviceUrl, href);
    if (sent % EVERY === 3) await read(serviceUrl, '/v1/inspections?limit=5');
    await sleep(Math.max(0, nextMs - performance.now()));
  }
  return sent;
}

/** The quickest to judge; the same again and again, as from a sensor that froze. */
function soundOf([capture]: readonly SampleCapture[]): Pick<SampleCapture, 'files'> {
  return { files: new Map([...(capture?.files ?? [])].filter(([modality]) => modality === 'acoustic')) };
}

/** Where its heat map is; undefined where there is none. */
async function post(
  serviceUrl: string,
  { files }: Pick<SampleCapture, 'files'>,
  lineId: string,
  deadlineMs: number | undefined,
): Promise<string | undefined> {
  const form = new FormData();
  form.append('metadata', JSON.stringify({ lineId, ...(deadlineMs !== undefined && { deadlineMs }) }));
  for (const [modality, path] of files) form.append(modality, new Blob([await readFile(path)]), modality);
  const response = await reach(new URL('/v1/inspections', serviceUrl), { method: 'POST', body: form });
  const { heatmap } = (await response.json()) as { heatmap?: { href: string } | null };
  return heatmap?.href;
}

async function read(serviceUrl: string, path: string): Promise<void> {
  await (await reach(new URL(path, serviceUrl))).arrayBuffer();
}
