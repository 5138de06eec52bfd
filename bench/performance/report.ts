// The page a measurement ends in, and the same for the terminal. Every figure comes from the run.
import type { ContenderName } from '../contenders/contender.js';
import { markdownTable, type Table, textTable } from '../table.js';
import { boundRows } from './bounds.js';
import type { Block } from './figures.js';
import type { Machine } from './machine.js';
import type { BenchOptions } from './options.js';
import { boundsTable, ceilingTable, closedTable, notMeasured, openTable, startTable } from './tables.js';

export interface Report {
  readonly machine: Machine;
  readonly options: BenchOptions;
  readonly titles: ReadonlyMap<ContenderName, string>;
  readonly blocks: readonly Block[];
}

const methodText = (
  warmUpSeconds: number,
) => `Every contender judges the same pictures (\`models/demo-part\`, branch \`rgb\`) with as many workers of one
thread as there are cores. The peers and the ceiling run the branch as one merged graph
(\`branchline-train export --single-file\`), Branchline runs its bundle: encoder, then head. Peers decode with the
library that is usual in their language (Pillow, sharp), the ceiling as Branchline does. Peers answer with the score alone; Branchline with the whole inspection, stored before it is answered. A run that is alone has all cores of
Branchline's (decision 0025), and one of the ceiling's.

- **Ceiling**: bare onnxruntime-node in worker threads, without HTTP, measured anew beside each contender: PNG before
  and after its closed loops, the mean of both. Every "÷ ceiling" is taken within its own round; the order of the contenders turns from round to round.
- **Warm-up**: before its first closed loop each contender is sent PNG and JPEG pictures in turn by as many clients as
  in the busiest loop, for ${warmUpSeconds} s that do not count: what a JIT compiles after thousands of captures would be measured
  half. Every loop and the ceiling have a short warm-up of their own besides, of a second at most.
- **Closed loop**: each client sends its next capture when the last is answered.
- **Open loop**: captures come at random moments (Poisson) whatever became of those before, at a multiple of the
  contender's own capacity, which is its highest rate in the closed loops with PNG. The client hangs up after the
  deadline. The first seconds do not count. Latency counts from the moment planned, of captures answered in time.
- **Recovery**: from the last arrival until one client finds three answers in a row within twice its usual time. The
  next load begins then, so that no contender carries a backlog from one to the next.
- **Load generator**: a process of its own on the same machine, plain sockets that are kept alive. It takes its share
  of the cores from the contender, and not from the ceiling.
- Cells are medians over the rounds, with the least and the greatest in brackets. RSS is that of all processes of a
  contender; a page shared by two counts twice.`;

export function pageOf({ machine, options, titles, blocks }: Report): string {
  const missing = notMeasured(blocks, titles);
  return [
    '# Performance',
    'Written by `npm run bench`; do not edit. Ratios within a run are the result. Times belong to the machine.',
    machineText(machine, options),
    ...(missing.length === 0 ? [] : [`**Not measured.** ${missing.join('. ')}`]),
    ...sections(blocks, titles).map(({ title, table }) => `## ${title}\n${markdownTable(table)}`),
    `## How it was measured\n${methodText(options.warmUpSeconds)}`,
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}

export function terminalReport({ machine, options, titles, blocks }: Report): string {
  const missing = notMeasured(blocks, titles).map((line) => `NOT MEASURED  ${line}`);
  return [
    machineText(machine, options),
    ...missing,
    ...sections(blocks, titles)
      .toReversed()
      .map(({ title, table }) => `${title}\n\n${textTable(table.columns, table.rows)}`),
  ].join('\n\n');
}

function sections(
  blocks: readonly Block[],
  titles: ReadonlyMap<ContenderName, string>,
): { title: string; table: Table }[] {
  return [
    { title: 'What must hold', table: boundsTable(boundRows(blocks)) },
    { title: 'Ceiling', table: ceilingTable(blocks) },
    { title: 'Closed loop', table: closedTable(blocks, titles) },
    { title: 'Open loop', table: openTable(blocks, titles) },
    { title: 'Start and memory', table: startTable(blocks, titles) },
  ].filter(({ table }) => table.rows.length > 0);
}

function machineText(machine: Machine, { rounds, seconds, warmUpSeconds, quick }: BenchOptions): string {
  const { cpu, cores, memoryGib, system, versions, loadAverage, date } = machine;
  return [
    `${date.slice(0, 16).replace('T', ' ')} UTC, ${cpu}, ${cores} cores, ${memoryGib.toFixed(0)} GiB, ${system}.`,
    `${versions.join(', ')}.`,
    `${rounds} rounds of ${seconds} s a setting after ${warmUpSeconds} s of warm-up${quick ? ', quick: these figures mean little' : ''};`,
    `load average at the start ${loadAverage.toFixed(2)}.`,
  ].join(' ');
}
