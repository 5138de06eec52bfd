// From raw answers to figures, from figures to bounds, from bounds to the page.
import { describe, expect, it } from '@jest/globals';
import type { ContenderName } from '../../bench/contenders/contender.js';
import { NO_ANSWER } from '../../bench/load/connection.js';
import type { LoadResult, Sent } from '../../bench/load/protocol.js';
import { boundRows } from '../../bench/performance/bounds.js';
import { ceilingKindOf, ceilingOf, nothingMeasured } from '../../bench/performance/ceiling.js';
import { spreadText } from '../../bench/performance/cells.js';
import {
  type Block,
  type ClosedFigures,
  closedFigures,
  type MeasuredBlock,
  type OpenFigures,
  openFigures,
  saturation,
} from '../../bench/performance/figures.js';
import { pageOf, terminalReport } from '../../bench/performance/report.js';
import { markdownTable } from '../../bench/table.js';
import { loadConfig } from '../../src/config.js';

const sent = (atMs: number, latencyMs: number, refusal?: string): Sent => ({ atMs, latencyMs, refusal });
const result = (captures: readonly Sent[], probesMs = {}): LoadResult => ({
  sent: captures,
  probesMs,
  recoveryMs: undefined,
  generatorCpuShare: 0.1,
});

describe('closed figures', () => {
  it('counts answers a second, and refusals by kind', () => {
    const figures = closedFigures(
      'png',
      2,
      500,
      result([sent(0, 10), sent(10, 30), sent(20, 1, '503 OVERLOADED')]),
    );
    expect(figures.perSecond).toBe(4);
    expect(figures.latencyMs).toEqual({ p50: 10, p99: 30, p999: 30 });
    expect(figures.refused).toEqual({ '503 OVERLOADED': 1 });
  });

  it('makes no latency up where nothing was answered', () => {
    expect(closedFigures('png', 1, 500, result([sent(0, 5, 'ECONNREFUSED')])).latencyMs).toBeUndefined();
  });
});

describe('open figures', () => {
  const window = { settleMs: 1000, endMs: 3000, deadlineMs: 1000 };

  it('takes as goodput what was due after the first seconds and answered in time', () => {
    const captures = [
      sent(500, 10), // too early to count
      sent(1500, 10),
      sent(1600, 900),
      sent(1700, 1001), // answered, but late
      sent(1800, 1000, NO_ANSWER),
      sent(1900, 2, '503 DEADLINE_UNREACHABLE'),
    ];
    const figures = openFigures(3, window, result(captures, { '/live': [1, 2, 30] }), 7);
    expect(figures.goodputPerSecond).toBe(1);
    expect(figures.offeredPerSecond).toBe(2.5);
    expect(figures.latencyMs?.p99).toBe(900);
    expect(figures.refused).toEqual({ [NO_ANSWER]: 2, '503 DEADLINE_UNREACHABLE': 1 });
    expect(figures.probesP99Ms).toEqual({ '/live': 30 });
  });
});

const latency = (p50: number, p99 = p50) => ({ p50, p99, p999: p99 });
const closed = (clients: number, perSecond: number, p99: number, body = 'png'): ClosedFigures => ({
  body: body as 'png',
  clients,
  perSecond,
  latencyMs: latency(20, p99),
  refused: {},
  generatorCpuShare: 0.05,
});
const overload: OpenFigures = {
  load: 3,
  offeredPerSecond: 300,
  goodputPerSecond: 95,
  latencyMs: latency(500, 900),
  refused: { '503 DEADLINE_UNREACHABLE': 410 },
  probesP99Ms: { '/health/live': 12, '/metrics': 15 },
  recoveryMs: 400,
  peakRssBytes: 300 * 2 ** 20,
  generatorCpuShare: 0.06,
};
const block = (
  contender: ContenderName,
  round: number,
  change: Partial<MeasuredBlock> = {},
): MeasuredBlock => ({
  contender,
  round,
  ceiling: {
    pngPerSecond: 110,
    jpegPerSecond: 115,
    barePerSecond: 120,
    oneP50Ms: 18.5,
    mix: { decodedPerSecond: 50, barePerSecond: 60 },
  },
  readyMs: 1500,
  readyRssBytes: 200 * 2 ** 20,
  closedRssBytes: 250 * 2 ** 20,
  endRssBytes: 260 * 2 ** 20,
  closed: [
    closed(1, 50, 25),
    closed(8, 100, 120),
    closed(32, 98, 400),
    closed(32, 45, 900, 'mix'),
    closed(32, 88, 450, 'png, all defective'),
  ],
  open: [overload],
  ...change,
});
const peers = [block('mosec', 1, { closed: [closed(1, 40, 30), closed(8, 80, 130)] })];

describe('the ceiling', () => {
  it('is the mean of what was measured beside the loops', () => {
    const measured = {
      oneP50Ms: [18, 19],
      pngPerSecond: [100, 140],
      barePerSecond: [150],
      jpegPerSecond: [90, 100],
      mixDecodedPerSecond: [40],
      mixBarePerSecond: [50, 70],
    };
    const ceiling = {
      pngPerSecond: 120,
      barePerSecond: 150,
      jpegPerSecond: 95,
      oneP50Ms: 18.5,
      mix: { decodedPerSecond: 40, barePerSecond: 60 },
    };
    expect(ceilingOf(measured)).toEqual(ceiling);
    const noMix = { ...measured, mixDecodedPerSecond: [], mixBarePerSecond: [] };
    expect(ceilingOf(noMix)).toEqual({ ...ceiling, mix: undefined });
  });

  it('begins with nothing', () => {
    expect(Object.values(nothingMeasured()).flat()).toEqual([]);
  });

  it('is measured beside a single client and beside loops of saturation', () => {
    expect([1, 2, 8, 32].map((clients) => ceilingKindOf('png', clients, true))).toEqual([
      'one',
      undefined,
      'png',
      'png',
    ]);
    expect([1, 2, 8].map((clients) => ceilingKindOf('jpeg', clients, true))).toEqual([
      undefined,
      undefined,
      'jpeg',
    ]);
    expect(ceilingKindOf('mix', 8, true)).toBe('mix');
    expect(ceilingKindOf('mix', 8, false)).toBeUndefined();
    expect(ceilingKindOf('png, all defective', 32, true)).toBeUndefined();
  });
});

describe('saturation', () => {
  it('is the highest rate of its body', () => {
    expect(saturation(block('branchline', 1).closed, 'png')?.clients).toBe(8);
    expect(saturation([], 'png')).toBeUndefined();
  });
});

describe('the bounds', () => {
  const states = (blocks: readonly Block[]) => boundRows(blocks).map(({ state }) => state);

  it('divide within a round, and say whether the median is enough', () => {
    const slower = { closed: [closed(1, 50, 25), closed(8, 110, 120), closed(32, 45, 900, 'mix')] };
    const rows = boundRows([block('branchline', 1), block('branchline', 2, slower), ...peers]);
    expect(rows.map(({ state }) => state)).toEqual([
      'reached', // (100/110 + 110/110) / 2 ≥ 0.90
      'reached', // (100/120 + 110/120) / 2 ≥ 0.82
      'reached', // 100/80 ≥ 1.10
      'not reached', // 45/60 < 0.85
      'reached', // 20 − 18.5 ≤ 2
      'reached', // (95/100 + 95/110) / 2 ≥ 0.90
      'reached',
      'reached',
      'reached',
      'reached',
      'not measured', // int8: docs/decisions/0024
      'not measured', // mix-ups and leaks, by the soak
    ]);
    expect(rows[0]?.reached?.min).toBeCloseTo(100 / 110, 9);
    expect(rows[0]?.reached?.max).toBe(1);
  });

  it('hold Branchline against the fastest peer of the round, at its own number of clients', () => {
    const faster = block('litserve', 1, { closed: [closed(32, 95, 450)] });
    const row = boundRows([block('branchline', 1), ...peers, faster])[2];
    expect(row?.reached?.median).toBeCloseTo(98 / 95, 9);
    expect(row?.remark).toMatch(/^litserve at 32 clients; p99 higher in 0 of 1 rounds; a peer answers with /);
    expect(row?.state).toBe('not reached');
  });

  it('hold contenders by the ceilings beside them: a machine that became twice as fast makes no peer better', () => {
    const own = block('branchline', 1);
    const later = block('litserve', 1, {
      closed: [closed(8, 190, 130)],
      ceiling: { ...own.ceiling, pngPerSecond: 2 * own.ceiling.pngPerSecond },
    });
    const row = boundRows([own, block('mosec', 1, { closed: [closed(32, 96, 450)] }), later])[2];
    expect(row?.remark).toMatch(/^mosec at 32 clients/);
    expect(row?.reached?.median).toBeCloseTo(98 / 96, 9);
  });

  it('are not reached at a higher p99, however many captures', () => {
    const quick = block('mosec', 1, { closed: [closed(8, 50, 119)] });
    expect(boundRows([block('branchline', 1), quick])[2]?.state).toBe('not reached');
  });

  it('are not reached where the server never recovered, or is slow to say that it lives', () => {
    const never = { ...overload, recoveryMs: null, probesP99Ms: { '/health/live': 21 } };
    const rows = boundRows([block('branchline', 1, { open: [never] })]);
    expect(rows[6]?.state).toBe('not reached');
    expect(rows[7]?.state).toBe('not reached');
    expect(rows[7]?.reached?.median).toBe(30);
  });

  it('say why where they are not reached, and nothing where they are', () => {
    const late = { ...overload, recoveryMs: null, probesP99Ms: { '/health/live': 5000 } };
    const rows = boundRows([
      block('branchline', 1, { closed: [closed(8, 50, 120)], open: [late] }),
      ...peers,
    ]);
    for (const { state, remark } of rows.filter(({ state }) => state !== 'not measured'))
      expect(remark === '').toBe(state === 'reached');
    expect(rows[0]?.remark).toMatch(/^receiving, judging and recording/);
    expect(rows[6]?.remark).toBe('the event loop shares its cores with the runs; some probes were given up');
  });

  it('are not measured, rather than guessed, where something is missing', () => {
    const failed: Block = { contender: 'branchline', round: 1, reason: 'it did not start' };
    expect(new Set(states([failed, ...peers]))).toEqual(new Set(['not measured']));
    expect(states([block('branchline', 1)])[2]).toBe('not measured');
    expect(states([block('branchline', 1, { readyRssBytes: undefined })])[9]).toBe('not measured');
  });
});

describe('the page', () => {
  const report = {
    machine: {
      cpu: 'Some CPU',
      cores: 2,
      memoryGib: 8,
      system: 'linux',
      provider: 'cpu',
      versions: ['Node 20'],
      loadAverage: 0.5,
      date: '2026-01-02T03:04:05.000Z',
    },
    options: {
      quick: false,
      rounds: 2,
      seconds: 5,
      warmUpSeconds: 17,
      only: [],
      python: undefined,
      trainer: undefined,
      out: 'x.md',
    },
    titles: new Map<ContenderName, string>([
      ['branchline', 'Branchline'],
      ['mosec', 'mosec'],
      ['litserve', 'LitServe'],
    ]),
    swept: [],
    blocks: [
      block('branchline', 1),
      block('branchline', 2),
      ...peers,
      { contender: 'litserve', round: 1, reason: 'no wheel for this Python' } as const,
    ],
  };

  it('says machine, versions, date, spread, and why a peer is not there', () => {
    const page = pageOf(report);
    expect(page).toContain('2026-01-02 03:04 UTC, Some CPU, 2 cores, 8 GiB, linux, cpu. Node 20.');
    expect(page).toContain('2 rounds of 5 s a setting after 17 s of warm-up;');
    expect(page).toContain('for 17 s that do not count');
    expect(page).toContain('LitServe: no wheel for this Python');
    expect(page).not.toMatch(/\| LitServe/);
    expect(page).toContain('| Branchline | png | 8 | 100.0 | 0.91 |');
    expect(page).toContain('| Branchline | png, all defective | 32 | 88.0 | 0.80 |');
    expect(page).toContain('503 DEADLINE_UNREACHABLE × 820');
    expect(page).toContain('| captures/s ÷ the best peer of the same run, at equal or lower p99 | ≥ 1.10');
  });

  it('says what a GPU does by workers and batch, and that the best of it is the ceiling', () => {
    const rate = (workers: number, batch: number, perSecond: number) => ({
      ...{ provider: 'cuda', workers, batch, perSecond },
    });
    const swept = [rate(1, 1, 500), rate(1, 16, 2900.4), rate(2, 1, 900), rate(2, 16, 2800)];
    const page = pageOf({ ...report, swept });
    expect(page).toContain('| 1 worker | 500 | **2900** |');
    expect(page).toContain('| 2 workers | 900 | 2800 |');
    expect(page).toContain('On the GPU "run only"');
    expect(pageOf(report)).not.toMatch(/batches of 1|On the GPU/);
  });

  it('names the defaults that cost something, as they are', () => {
    const said = `\`KEEP_CAPTURES=${loadConfig({}).keepCaptures}\``;
    const [closedLoop = ''] = pageOf(report).split('## Open loop');
    expect(closedLoop).toContain(said);
    expect(pageOf(report).split('## How it was measured')[1]).toContain(said);
    expect(terminalReport(report)).toContain(said);
  });

  it('prints the same on a terminal, what must hold at its end', () => {
    const text = terminalReport(report);
    expect(text).toContain('NOT MEASURED  LitServe: no wheel for this Python');
    expect(text.indexOf('What must hold')).toBeGreaterThan(text.indexOf('Closed loop'));
  });
});

it('writes the spread only where there is one', () => {
  expect(spreadText({ median: 1.005, min: 1.005, max: 1.005 }, 1)).toBe('1.0');
  expect(spreadText({ median: 2, min: 1, max: 3 }, 1)).toBe('2.0 (1.0–3.0)');
  expect(spreadText(undefined, 1)).toBe('–');
});

it('keeps a bar inside its cell', () => {
  const table = { columns: [{ title: 'a' }, { title: 'b', align: 'right' as const }], rows: [['x|y', '1']] };
  expect(markdownTable(table)).toBe('| a | b |\n|---|---:|\n| x\\|y | 1 |');
});
