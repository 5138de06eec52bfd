// The page a measurement ends in, and the same for the terminal. Every figure comes from the run.
import type { ContenderName } from '../contenders/contender.js';
import { markdownTable, type Table, textTable } from '../table.js';
import { boundRows } from './bounds.js';
import type { Block } from './figures.js';
import type { Machine } from './machine.js';
import { methodText } from './method.js';
import type { BenchOptions } from './options.js';
import type { SweepRow } from './sweep.js';
import {
  boundsTable,
  ceilingTable,
  closedTable,
  notMeasured,
  openTable,
  startTable,
  sweepTable,
} from './tables.js';

export interface Report {
  readonly machine: Machine;
  readonly options: BenchOptions;
  readonly titles: ReadonlyMap<ContenderName, string>;
  /** Empty on a CPU. */
  readonly swept: readonly SweepRow[];
  readonly blocks: readonly Block[];
}

/** Beside the figures it bears on. */
const DEFAULTS_NOTE = 'Branchline runs with its defaults, `KEEP_CAPTURES=review` among them.';

export function pageOf({ machine, options, titles, swept, blocks }: Report): string {
  const missing = notMeasured(blocks, titles);
  return [
    '# Performance',
    'Written by `npm run bench`; do not edit. Ratios within a run are the result. Times belong to the machine.',
    machineText(machine, options),
    ...(missing.length === 0 ? [] : [`**Not measured.** ${missing.join('. ')}`]),
    ...sections(swept, blocks, titles).flatMap(({ title, table, notes }) => [
      `## ${title}\n${markdownTable(table)}`,
      ...notes,
    ]),
    `## How it was measured\n${methodText(options.warmUpSeconds, swept.length > 0)}`,
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}

export function terminalReport({ machine, options, titles, swept, blocks }: Report): string {
  const missing = notMeasured(blocks, titles).map((line) => `NOT MEASURED  ${line}`);
  return [
    machineText(machine, options),
    ...missing,
    ...sections(swept, blocks, titles)
      .toReversed()
      .flatMap(({ title, table, notes }) => [title, textTable(table.columns, table.rows), ...notes]),
  ].join('\n\n');
}

function sections(
  swept: readonly SweepRow[],
  blocks: readonly Block[],
  titles: ReadonlyMap<ContenderName, string>,
): { title: string; table: Table; notes: readonly string[] }[] {
  return [
    { title: 'What must hold', table: boundsTable(boundRows(blocks)), notes: [] },
    { title: 'Batches', table: sweepTable(swept), notes: [] },
    { title: 'Ceiling', table: ceilingTable(blocks), notes: [] },
    { title: 'Closed loop', table: closedTable(blocks, titles), notes: [DEFAULTS_NOTE] },
    { title: 'Open loop', table: openTable(blocks, titles), notes: [] },
    { title: 'Start and memory', table: startTable(blocks, titles), notes: [] },
  ].filter(({ table }) => table.rows.length > 0);
}

function machineText(machine: Machine, { rounds, seconds, warmUpSeconds, quick }: BenchOptions): string {
  const { cpu, cores, memoryGib, system, provider, versions, loadAverage, date } = machine;
  return [
    `${date.slice(0, 16).replace('T', ' ')} UTC, ${cpu}, ${cores} cores, ${memoryGib.toFixed(0)} GiB, ${system}, ${provider}.`,
    `${versions.join(', ')}.`,
    `${rounds} rounds of ${seconds} s a setting after ${warmUpSeconds} s of warm-up${quick ? ', quick: these figures mean little' : ''};`,
    `load average at the start ${loadAverage.toFixed(2)}.`,
  ].join(' ');
}
