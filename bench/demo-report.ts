// What the demo prints: one row a capture, then the addresses to open.
import type { Answer, RefusedError } from './client.js';
import type { SampleCapture } from './sample-captures.js';
import { type Column, textTable } from './table.js';

export interface Played {
  readonly capture: SampleCapture;
  readonly outcome: Answer | RefusedError;
}

const SENT = '●';
const DROPPED = '✕';
const ABSENT = '·';

/** Modalities have a column each: which were sent and used is seen at a glance, where a list would have to be read. */
export function demoTable(played: readonly Played[], modalities: readonly string[]): string {
  const columns: Column[] = [
    { title: 'capture' },
    { title: 'what it is' },
    ...modalities.map((title) => ({ title })),
    { title: 'branch' },
    { title: 'score', align: 'right' },
    { title: 'verdict' },
    { title: 'ms', align: 'right' },
    { title: 'not used, because' },
  ];
  const rows = played.map(({ capture, outcome }) => [
    capture.id,
    capture.note === '' ? capture.label : `${capture.label}: ${capture.note}`,
    ...modalities.map((modality) => mark(modality, capture, outcome)),
    ...('inspection' in outcome ? judgedCells(outcome) : refusedCells(outcome)),
  ]);
  return `${textTable(columns, rows)}\n${SENT} sent   ${DROPPED} sent, but dropped   ${ABSENT} not sent`;
}

function mark(modality: string, { files }: SampleCapture, outcome: Answer | RefusedError): string {
  if (!files.has(modality)) return ABSENT;
  const dropped = 'inspection' in outcome ? outcome.inspection.modalities.dropped : [];
  return dropped.some(({ name }) => name === modality) ? DROPPED : SENT;
}

function judgedCells({ inspection, latencyMs }: Answer): string[] {
  const { branch, score, verdict, modalities } = inspection;
  const reasons = modalities.dropped.map(({ name, reason }) => `${name}: ${reason}`);
  return [branch ?? '–', score?.toFixed(3) ?? '–', verdict, latencyMs.toFixed(0), reasons.join(', ')];
}

function refusedCells({ status, code, message }: RefusedError): string[] {
  return ['–', '–', `${status} ${code}`, '', message];
}

export interface Addresses {
  readonly serviceUrl: string;
  /** The last inspection judged NG, if any. */
  readonly ng: Answer['inspection'] | undefined;
  /** A capture whose files make a curl command to paste. */
  readonly example: SampleCapture;
}

export function addresses({ serviceUrl, ng, example }: Addresses): string {
  const lines = [
    ['API, to try out', `${serviceUrl}/docs`],
    ['Metrics', `${serviceUrl}/metrics`],
    ['All inspections', `${serviceUrl}/v1/inspections`],
  ];
  if (ng?.heatmap) lines.push([`Heat map of ${ng.captureId}`, `${serviceUrl}${ng.heatmap.href}?overlay=1`]);
  const width = Math.max(...lines.map(([title = '']) => title.length));
  const list = lines.map(([title = '', url]) => `  ${title.padEnd(width)}  ${url}`).join('\n');
  return `The service is up:\n${list}\n\nSend a capture yourself:\n${curlCommand(serviceUrl, example)}`;
}

function curlCommand(serviceUrl: string, { files }: SampleCapture): string {
  const parts = [...files].map(([modality, path]) => ` \\\n    -F '${modality}=@${path}'`);
  return `  curl ${serviceUrl}/v1/inspections${parts.join('')}`;
}
