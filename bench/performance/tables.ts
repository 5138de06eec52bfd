// The tables of the page: one row a contender and setting, medians over the rounds with their spread. Pure.
import { CONTENDERS, type ContenderName } from '../contenders/contender.js';
import { spreadOf } from '../statistics.js';
import type { Column, Table } from '../table.js';
import type { BoundRow } from './bounds.js';
import { megabytes, probesText, recoveryText, refusedText, spreadText } from './cells.js';
import {
  type Block,
  type BodyKind,
  type ClosedFigures,
  isMeasured,
  type MeasuredBlock,
  type OpenFigures,
  saturation,
} from './figures.js';
import { fastest, type SweepRow } from './sweep.js';

const left = (title: string): Column => ({ title });
const right = (title: string): Column => ({ title, align: 'right' });

export function boundsTable(rows: readonly BoundRow[]): Table {
  return {
    columns: [left('figure'), left('bound'), right('reached'), left('state'), left('remark')],
    rows: rows.map(({ figure, bound, reached, digits, unit, state, remark }) => [
      figure,
      bound,
      `${spreadText(reached, digits)}${unit === '' || reached === undefined ? '' : ` ${unit}`}`,
      state,
      remark,
    ]),
  };
}

/** A row a number of workers, a column a batch; the fastest in bold. */
export function sweepTable(rows: readonly SweepRow[]): Table {
  const batches = [...new Set(rows.map(({ batch }) => batch))];
  const best = rows.length > 0 ? fastest(rows) : undefined;
  const cell = (row: SweepRow | undefined) =>
    row === undefined ? '' : row === best ? `**${row.perSecond.toFixed(0)}**` : row.perSecond.toFixed(0);
  return {
    columns: [
      left('bare ONNX Runtime, run only: captures/s'),
      ...batches.map((batch) => right(`batches of ${batch}`)),
    ],
    rows: [...new Set(rows.map(({ workers }) => workers))].map((workers) => [
      `${workers} worker${workers === 1 ? '' : 's'}`,
      ...batches.map((batch) => cell(rows.find((row) => row.workers === workers && row.batch === batch))),
    ]),
  };
}

export function ceilingTable(blocks: readonly Block[]): Table {
  const ceilings = blocks.filter(isMeasured).map(({ ceiling }) => ceiling);
  const mixes = ceilings.flatMap(({ mix }) => mix ?? []);
  const row = (what: string, values: readonly number[], digits = 1) => [
    what,
    spreadText(spreadOf(values), digits),
  ];
  return {
    columns: [left('bare ONNX Runtime in worker threads, no HTTP'), right('captures/s')],
    rows: [
      row(
        'PNG decoded and run',
        ceilings.map(({ pngPerSecond }) => pngPerSecond),
      ),
      row(
        'JPEG decoded and run',
        ceilings.map(({ jpegPerSecond }) => jpegPerSecond),
      ),
      row(
        'run only',
        ceilings.map(({ barePerSecond }) => barePerSecond),
      ),
      row(
        'all branches in turn, decoded and run',
        mixes.map(({ decodedPerSecond }) => decodedPerSecond),
      ),
      row(
        'all branches in turn, run only',
        mixes.map(({ barePerSecond }) => barePerSecond),
      ),
      row(
        'one worker alone, PNG decoded and run: p50 in ms',
        ceilings.map(({ oneP50Ms }) => oneP50Ms),
      ),
    ],
  };
}

export function closedTable(blocks: readonly Block[], titles: ReadonlyMap<ContenderName, string>): Table {
  const columns = [
    left('contender'),
    left('body'),
    right('clients'),
    right('captures/s'),
    right('÷ ceiling'),
    right('p50 ms'),
    right('p99 ms'),
    left('refused'),
    right('generator, of a core'),
  ];
  const rows = settings(blocks, ({ closed }) => closed.map(({ body, clients }) => `${body} ${clients}`)).map(
    ({ contender, setting, of }) => {
      const found = of.flatMap((block) => {
        const figures = block.closed.find(({ body, clients }) => `${body} ${clients}` === setting);
        return figures === undefined ? [] : [{ block, figures }];
      });
      const every = found.map(({ figures }) => figures);
      const ratios = found.flatMap(({ block, figures }) => shareOfCeiling(block, figures) ?? []);
      return [
        titles.get(contender) ?? contender,
        every[0]?.body ?? '',
        String(every[0]?.clients ?? ''),
        spreadText(spreadOf(every.map(({ perSecond }) => perSecond)), 1),
        spreadText(spreadOf(ratios), 2),
        spreadText(spreadOf(every.flatMap(({ latencyMs }) => latencyMs?.p50 ?? [])), 1),
        spreadText(spreadOf(every.flatMap(({ latencyMs }) => latencyMs?.p99 ?? [])), 1),
        refusedText(every.map(({ refused }) => refused)),
        spreadText(spreadOf(every.map(({ generatorCpuShare }) => generatorCpuShare)), 2),
      ];
    },
  );
  return { columns, rows };
}

export function openTable(blocks: readonly Block[], titles: ReadonlyMap<ContenderName, string>): Table {
  const columns = [
    left('contender'),
    right('load'),
    right('offered/s'),
    right('goodput/s'),
    right('÷ capacity'),
    right('p50 ms'),
    right('p99 ms'),
    right('p99.9 ms'),
    left('not answered in time'),
    left('p99 beside it, ms'),
    right('recovery s'),
    right('peak RSS MB'),
    right('generator, of a core'),
  ];
  const rows = settings(blocks, ({ open }) => open.map(({ load }) => String(load))).map(
    ({ contender, setting, of }) => {
      const found = of.flatMap((block) => {
        const figures = block.open.find(({ load }) => String(load) === setting);
        return figures === undefined ? [] : [{ block, figures }];
      });
      const every = found.map(({ figures }) => figures);
      return [
        titles.get(contender) ?? contender,
        `${Math.round(Number(setting) * 100)} %`,
        spreadText(spreadOf(every.map(({ offeredPerSecond }) => offeredPerSecond)), 1),
        spreadText(spreadOf(every.map(({ goodputPerSecond }) => goodputPerSecond)), 1),
        spreadText(spreadOf(found.flatMap(({ block, figures }) => shareOfCapacity(block, figures) ?? [])), 2),
        ...(['p50', 'p99', 'p999'] as const).map((rank) =>
          spreadText(spreadOf(every.flatMap(({ latencyMs }) => latencyMs?.[rank] ?? [])), 0),
        ),
        refusedText(every.map(({ refused }) => refused)),
        probesText(every),
        recoveryText(every),
        megabytes(every.flatMap(({ peakRssBytes }) => peakRssBytes ?? [])),
        spreadText(spreadOf(every.map(({ generatorCpuShare }) => generatorCpuShare)), 2),
      ];
    },
  );
  return { columns, rows };
}

/** RSS at four moments; the peaks under each load stand in the table of the open loop. */
export function startTable(blocks: readonly Block[], titles: ReadonlyMap<ContenderName, string>): Table {
  const moments = ['readyRssBytes', 'closedRssBytes', 'peakRssBytes', 'endRssBytes'] as const;
  const at = (block: MeasuredBlock, moment: (typeof moments)[number]) =>
    moment === 'peakRssBytes'
      ? block.open.flatMap(({ peakRssBytes }) => peakRssBytes ?? []).reduce(max, undefined)
      : block[moment];
  return {
    columns: [
      left('contender'),
      right('start to ready s'),
      right('RSS MB when ready'),
      right('after the closed loops'),
      right('peak of the open loops'),
      right('at the end'),
    ],
    rows: settings(blocks, () => ['']).map(({ contender, of }) => [
      titles.get(contender) ?? contender,
      spreadText(spreadOf(of.map(({ readyMs }) => readyMs / 1000)), 2),
      ...moments.map((moment) => megabytes(of.flatMap((block) => at(block, moment) ?? []))),
    ]),
  };
}

/** "contender: reason", each once. */
export function notMeasured(blocks: readonly Block[], titles: ReadonlyMap<ContenderName, string>): string[] {
  const lines = blocks.flatMap((block) =>
    isMeasured(block) ? [] : [`${titles.get(block.contender) ?? block.contender}: ${block.reason}`],
  );
  return [...new Set(lines)];
}

function max(greatest: number | undefined, value: number): number {
  return greatest === undefined || value > greatest ? value : greatest;
}

interface Setting {
  readonly contender: ContenderName;
  readonly setting: string;
  readonly of: readonly MeasuredBlock[];
}

/** In the order of CONTENDERS, and of the settings as they were measured. */
function settings(blocks: readonly Block[], settingsOf: (block: MeasuredBlock) => string[]): Setting[] {
  return CONTENDERS.flatMap((contender) => {
    const of = blocks.filter(isMeasured).filter((block) => block.contender === contender);
    return [...new Set(of.flatMap(settingsOf))].map((setting) => ({ contender, setting, of }));
  });
}

function shareOfCeiling({ ceiling }: MeasuredBlock, { body, perSecond }: ClosedFigures): number | undefined {
  const ceilings: Record<BodyKind, number | undefined> = {
    png: ceiling.pngPerSecond,
    // A defective part is as dear to decode and to run as a good one.
    'png, all defective': ceiling.pngPerSecond,
    jpeg: ceiling.jpegPerSecond,
    mix: ceiling.mix?.decodedPerSecond,
  };
  const best = ceilings[body];
  return best === undefined || best === 0 ? undefined : perSecond / best;
}

function shareOfCapacity({ closed }: MeasuredBlock, { goodputPerSecond }: OpenFigures): number | undefined {
  const capacity = saturation(closed, 'png')?.perSecond;
  return capacity === undefined || capacity === 0 ? undefined : goodputPerSecond / capacity;
}
