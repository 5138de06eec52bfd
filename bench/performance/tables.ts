// The tables of the page: one row a contender and setting, medians over the rounds with their spread. Pure.
import { CONTENDERS, type ContenderName } from '../contenders/contender.js';
import { PROBE_PATIENCE_MS, RECOVERY_WITHIN_MS } from '../load/protocol.js';
import { type Spread, spreadOf } from '../statistics.js';
import type { Column, Table } from '../table.js';
import type { BoundRow } from './bounds.js';
import {
  type Block,
  type BodyKind,
  type ClosedFigures,
  isMeasured,
  type MeasuredBlock,
  type OpenFigures,
  saturation,
} from './figures.js';

const NONE = '–';
const MIB = 1024 * 1024;

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

export function ceilingTable(blocks: readonly Block[]): Table {
  const ceilings = blocks.filter(isMeasured).map(({ ceiling }) => ceiling);
  const mixes = ceilings.flatMap(({ mix }) => mix ?? []);
  const row = (what: string, values: readonly number[], digits = 1) => [
    what,
    spreadText(spreadOf(values), digits),
  ];
  return {
    columns: [left('bare ONNX Runtime, a worker thread a core, no HTTP'), right('captures/s')],
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
      const [body = '', clients = ''] = setting.split(' ');
      return [
        titles.get(contender) ?? contender,
        body,
        clients,
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

export function startTable(blocks: readonly Block[], titles: ReadonlyMap<ContenderName, string>): Table {
  return {
    columns: [left('contender'), right('start to ready s'), right('RSS when ready MB')],
    rows: settings(blocks, () => ['']).map(({ contender, of }) => [
      titles.get(contender) ?? contender,
      spreadText(spreadOf(of.map(({ readyMs }) => readyMs / 1000)), 2),
      megabytes(of.flatMap(({ readyRssBytes }) => readyRssBytes ?? [])),
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

/** "1.23" for one round, "1.23 (1.20–1.31)" for several, a dash for none. */
export function spreadText(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return NONE;
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => value.toFixed(digits));
  return min === max ? `${median}` : `${median} (${min}–${max})`;
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

/** All rounds together, the commonest first. */
function refusedText(rounds: readonly Readonly<Record<string, number>>[]): string {
  const total = new Map<string, number>();
  for (const refused of rounds)
    for (const [kind, count] of Object.entries(refused)) total.set(kind, (total.get(kind) ?? 0) + count);
  if (total.size === 0) return NONE;
  return [...total]
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} × ${count}`)
    .join(', ');
}

function probesText(every: readonly OpenFigures[]): string {
  const paths = [...new Set(every.flatMap(({ probesP99Ms }) => Object.keys(probesP99Ms)))];
  return paths
    .map((path) => {
      const spread = spreadOf(every.flatMap(({ probesP99Ms }) => probesP99Ms[path] ?? []));
      const givenUp = (spread?.max ?? 0) >= PROBE_PATIENCE_MS ? ' (given up)' : '';
      return `${path} ${spreadText(spread, 1)}${givenUp}`;
    })
    .join(', ');
}

function recoveryText(every: readonly OpenFigures[]): string {
  const watched = every.flatMap(({ recoveryMs }) => (recoveryMs === undefined ? [] : [recoveryMs]));
  if (watched.length === 0) return NONE;
  const text = spreadText(spreadOf(watched.map((ms) => (ms ?? RECOVERY_WITHIN_MS) / 1000)), 1);
  const never = watched.filter((ms) => ms === null).length;
  return never === 0 ? text : `${text}; not within ${RECOVERY_WITHIN_MS / 1000} s: ${never}`;
}

function megabytes(bytes: readonly number[]): string {
  return spreadText(spreadOf(bytes.map((value) => value / MIB)), 0);
}
