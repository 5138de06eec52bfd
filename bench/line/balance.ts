// Made = inspected + failed = polled = acked: who differs, part by part. Pure.
import { textTable } from '../table.js';

/** What a station knows of a part at the end of the shift. */
export interface MadePart {
  readonly captureId: string;
  readonly stationId: string;
  /** The id every answer must name; undefined: it was accepted, and the answer was to be read in the feed. */
  readonly inspectionId: string | undefined;
  /** What went wrong at the station: given up, refused, answered by two inspections. */
  readonly fault: string | undefined;
}

export interface Entry {
  readonly captureId: string;
  readonly inspectionId: string;
  readonly revision: number;
  /** FAILED: set aside, with a record that says so. */
  readonly state: 'COMPLETED' | 'FAILED';
}

export interface Books {
  readonly made: readonly MadePart[];
  /** What the service holds at the end: the whole feed, read once more from its first record. */
  readonly inspected: readonly Entry[];
  /** What the MES was given, page by page, in order. */
  readonly polled: readonly Entry[];
  /** What it acked, and was told is acked. */
  readonly acked: readonly Entry[];
  /** What the service says is still owed to the MES. */
  readonly lag: number;
}

export interface Balance {
  readonly rows: readonly StationRow[];
  /** One line each; empty where the books balance. */
  readonly differences: readonly string[];
}

export interface StationRow {
  readonly station: string;
  readonly made: number;
  readonly inspected: number;
  readonly failed: number;
  readonly polled: number;
  readonly acked: number;
}

export function balance({ made, inspected, polled, acked, lag }: Books): Balance {
  const differences = [
    ...made.flatMap(({ captureId, fault }) => (fault === undefined ? [] : [`${captureId}: ${fault}`])),
    ...madeAgainstInspected(made, inspected),
    ...polledAgainstInspected(inspected, polled),
    ...ackedAgainstPolled(polled, acked),
    ...(lag === 0 ? [] : [`the service says that ${lag} inspections are not acked`]),
  ];
  const stationOf = new Map(made.map(({ captureId, stationId }) => [captureId, stationId]));
  const parts = (entries: readonly { captureId: string }[], station: string) =>
    new Set(
      entries.filter(({ captureId }) => stationOf.get(captureId) === station).map((entry) => entry.captureId),
    ).size;
  const stations = [...new Set(stationOf.values())].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  const rows = stations.map((station) => ({
    station,
    made: parts(made, station),
    inspected: parts(
      inspected.filter(({ state }) => state === 'COMPLETED'),
      station,
    ),
    failed: parts(
      inspected.filter(({ state }) => state === 'FAILED'),
      station,
    ),
    polled: parts(polled, station),
    acked: parts(acked, station),
  }));
  return { rows, differences };
}

function madeAgainstInspected(made: readonly MadePart[], inspected: readonly Entry[]): string[] {
  const records = groupBy(inspected, ({ captureId }) => captureId);
  const known = new Set(made.map(({ captureId }) => captureId));
  return [
    ...made.flatMap(({ captureId, inspectionId }) => {
      const ids = [...new Set(records.get(captureId)?.map((entry) => entry.inspectionId))];
      if (ids.length === 0) return [`${captureId}: made, and never inspected`];
      if (ids.length > 1) return [`${captureId}: inspected ${ids.length} times (${ids.join(', ')})`];
      if (inspectionId !== undefined && inspectionId !== ids[0])
        return [`${captureId}: answered as ${inspectionId}, recorded as ${ids[0]}`];
      return [];
    }),
    ...[...records.keys()]
      .filter((captureId) => !known.has(captureId))
      .map((captureId) => `${captureId}: inspected, and never made`),
  ];
}

function polledAgainstInspected(inspected: readonly Entry[], polled: readonly Entry[]): string[] {
  const seen = groupBy(polled, ({ inspectionId }) => inspectionId);
  const held = new Set(inspected.map(({ inspectionId }) => inspectionId));
  const doubles = [...groupBy(polled, keyOf).values()].filter((entries) => entries.length > 1);
  return [
    ...inspected.flatMap(({ captureId, inspectionId, revision }) => {
      const newest = Math.max(0, ...(seen.get(inspectionId) ?? []).map((entry) => entry.revision));
      if (newest === 0) return [`${captureId}: inspected, and never polled`];
      return newest < revision ? [`${captureId}: revision ${revision} was never polled, only ${newest}`] : [];
    }),
    ...doubles.map(
      ([entry, ...more]) =>
        `${entry?.captureId}: revision ${entry?.revision} polled ${more.length + 1} times`,
    ),
    ...polled.flatMap(({ captureId, inspectionId }) =>
      held.has(inspectionId)
        ? []
        : [`${captureId}: polled as ${inspectionId}, which the service does not hold`],
    ),
  ];
}

function ackedAgainstPolled(polled: readonly Entry[], acked: readonly Entry[]): string[] {
  const newest = new Map<string, number>();
  for (const { inspectionId, revision } of acked)
    newest.set(inspectionId, Math.max(newest.get(inspectionId) ?? 0, revision));
  const last = new Map(polled.map((entry) => [entry.inspectionId, entry]));
  return [...last.values()].flatMap(({ captureId, inspectionId, revision }) =>
    (newest.get(inspectionId) ?? 0) < revision
      ? [`${captureId}: revision ${revision} polled, and not acked`]
      : [],
  );
}

function keyOf({ inspectionId, revision }: Entry): string {
  return `${inspectionId}.${revision}`;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** At most so many differences are printed: the first are mostly of one cause. */
const SHOWN = 50;

export function balanceReport({ rows, differences }: Balance): string {
  const total = rows.reduce(
    (sum, row) => ({
      station: 'all',
      made: sum.made + row.made,
      inspected: sum.inspected + row.inspected,
      failed: sum.failed + row.failed,
      polled: sum.polled + row.polled,
      acked: sum.acked + row.acked,
    }),
    { station: 'all', made: 0, inspected: 0, failed: 0, polled: 0, acked: 0 },
  );
  const right = (title: string) => ({ title, align: 'right' as const });
  const table = textTable(
    [
      { title: 'station' },
      right('made'),
      right('inspected'),
      right('failed'),
      right('polled'),
      right('acked'),
    ],
    [...rows, total].map(({ station, made, inspected, failed, polled, acked }) => [
      station,
      ...[made, inspected, failed, polled, acked].map(String),
    ]),
  );
  const shown = differences.slice(0, SHOWN).map((line) => `  ${line}`);
  const rest = differences.length - shown.length;
  const verdict =
    differences.length === 0
      ? 'The books balance: nothing lost, nothing twice.'
      : [`${differences.length} differences:`, ...shown, ...(rest > 0 ? [`  and ${rest} more`] : [])].join(
          '\n',
        );
  return `${table}\n\n${verdict}`;
}
