// The feed benchmark's figures as a table with their bounds, and the page they end in.
import type { Machine } from '../performance/machine.js';
import { percentile } from '../statistics.js';
import { markdownTable, type Table, textTable } from '../table.js';
import { type FeedFigures, PAGE } from './measure.js';

export interface Row {
  readonly what: string;
  readonly value: string;
  readonly bound: string;
  /** undefined where there is no bound. */
  readonly isKept: boolean | undefined;
}

const MAX_PAGE_MS = 10;
const MAX_RATIO = 1.5;
const MAX_RECOVERY_MS = 2000;

export function rowsOf(figures: FeedFigures): Row[] {
  const { stretchMs, recoveryMs, pageMs, filteredPageMs, lagMs } = figures;
  const first = stretchMs[0] ?? Number.NaN;
  const last = stretchMs.at(-1) ?? Number.NaN;
  const bounded = (what: string, value: number, bound: number, shown: (value: number) => string): Row => ({
    what,
    value: shown(value),
    bound: `≤ ${shown(bound)}`,
    isKept: value <= bound,
  });
  const free = (what: string, value: string): Row => ({ what, value, bound: '', isKept: undefined });
  return [
    bounded(`page of ${PAGE} in the middle, median`, percentile(pageMs, 0.5), MAX_PAGE_MS, ms),
    free(`page of ${PAGE} in the middle, 95th percentile`, ms(percentile(pageMs, 0.95))),
    bounded('insertion, last 10,000 : first 10,000', last / first, MAX_RATIO, (value) => value.toFixed(2)),
    free('insertion, first 10,000', ms(first)),
    free('insertion, last 10,000', ms(last)),
    free('insertion, slowest 10,000', ms(Math.max(...stretchMs))),
    bounded('opened after kill -9, to the first page', recoveryMs, MAX_RECOVERY_MS, ms),
    free('page filtered by verdict (1 %), median', ms(percentile(filteredPageMs, 0.5))),
    free('position and lag of a consumer at the beginning', ms(lagMs)),
  ];
}

export function textOf(figures: FeedFigures): string {
  const { columns, rows } = tableOf(figures);
  return textTable(columns, rows);
}

export function pageOf(figures: FeedFigures, machine: Machine, lmdb: string): string {
  const { records, bytes } = figures;
  const { cpu, cores, memoryGib, system, loadAverage, date } = machine;
  return `# The feed's performance

Written by \`npm run bench:feed\`; do not edit. Ratios within a run are the result. Times belong to the machine.

${cpu}, ${cores} cores, ${memoryGib.toFixed(0)} GiB, ${system}, Node ${process.versions.node}, lmdb ${lmdb}; load average at the start ${loadAverage.toFixed(1)}; ${date}

${records.toLocaleString('en')} inspections without maps on the embedded store, ${(bytes / 1024 ** 2).toFixed(0)} MiB on the disk: eight lines, each part with an id, 100 saves under way at once, each durable before it is answered, counters and first attempts kept. The writer is killed (\`kill -9\`) in the middle of a save before the store is opened and read.

${markdownTable(tableOf(figures))}
`;
}

function tableOf(figures: FeedFigures): Table {
  const kept = (isKept: boolean | undefined) => (isKept === undefined ? '' : isKept ? 'yes' : 'no');
  return {
    columns: [
      { title: 'what' },
      { title: 'measured', align: 'right' },
      { title: 'bound', align: 'right' },
      { title: 'kept' },
    ],
    rows: rowsOf(figures).map(({ what, value, bound, isKept }) => [what, value, bound, kept(isKept)]),
  };
}

function ms(value: number): string {
  return `${value < 100 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
