// The figures that must hold, with what was reached and whether it is enough. Pure.
import { PROBE_PATIENCE_MS, RECOVERY_WITHIN_MS } from '../load/protocol.js';
import { type Spread, spreadOf } from '../statistics.js';
import { type Block, isMeasured, type MeasuredBlock, saturation } from './figures.js';

export type State = 'reached' | 'not reached' | 'not measured';

export interface BoundRow {
  readonly figure: string;
  readonly bound: string;
  /** One value a round. */
  readonly reached: Spread | undefined;
  readonly digits: number;
  readonly unit: string;
  readonly state: State;
  readonly remark: string;
}

const OVERLOAD = 3;
const MIB = 1024 * 1024;

/** Beside a figure that does not reach its bound; measured in docs/where-the-time-goes.md. */
const WHY = {
  saturation: 'receiving, judging and recording take from the cores that the ceiling has for its runs',
  bare: 'the same, and decoding',
  peers: 'a peer answers with the score, Branchline with an inspection on disk',
  mix: 'as with one branch; and several files a capture are decoded',
  one: 'the record is on disk before the answer leaves',
  goodput: 'whoever is refused, and the load generator, take from the cores that judge',
  live: 'the event loop shares its cores with the runs',
  recovery: 'what was let in is answered first',
  start: 'it is CPU time: modules, models, self-test',
  rss: 'ONNX Runtime for Node shares no session between threads: each worker holds the models anew',
};

/** As many rows as there are figures, measured or not. */
export function boundRows(blocks: readonly Block[]): BoundRow[] {
  const ours = blocks.filter(isMeasured).filter(({ contender }) => contender === 'branchline');
  const saturated = (block: MeasuredBlock) => saturation(block.closed, 'png')?.perSecond;
  return [
    atLeast(
      'captures/s at saturation ÷ (bare ONNX Runtime + the same decoding)',
      { bound: 0.9, aim: 0.95, why: WHY.saturation },
      ours,
      (block) => ratio(saturated(block), block.ceiling.pngPerSecond),
    ),
    atLeast(
      'captures/s at saturation ÷ bare ONNX Runtime without decoding',
      { bound: 0.82, aim: 0.88, why: WHY.bare },
      ours,
      (block) => ratio(saturated(block), block.ceiling.barePerSecond),
    ),
    againstPeers(blocks, ours),
    atLeast(
      'the same with a mix of all branches ÷ the sum of their bare run times',
      { bound: 0.85, why: WHY.mix },
      ours,
      (block) => ratio(saturation(block.closed, 'mix')?.perSecond, block.ceiling.mix?.barePerSecond),
    ),
    atMost(
      'p50 at one client − p50 of (decode + run)',
      { bound: 2, unit: 'ms', why: WHY.one },
      ours,
      (block) => {
        const p50 = pngAt(block, 1)?.latencyMs?.p50;
        return p50 === undefined ? undefined : p50 - block.ceiling.oneP50Ms;
      },
    ),
    atLeast(
      'goodput at 3× offered load, 1 s deadline ÷ capacity',
      { bound: 0.9, why: WHY.goodput },
      ours,
      (block) => ratio(overloadOf(block)?.goodputPerSecond, saturated(block)),
    ),
    atMost(
      'p99 of /health/live in the same seconds',
      { bound: 20, unit: 'ms', why: WHY.live },
      ours,
      (block) => overloadOf(block)?.probesP99Ms['/health/live'],
    ),
    atMost(
      'recovery to normal latency after the overload',
      { bound: 1, unit: 's', why: WHY.recovery },
      ours,
      (block) => {
        const recoveryMs = overloadOf(block)?.recoveryMs;
        return recoveryMs === undefined ? undefined : (recoveryMs ?? RECOVERY_WITHIN_MS) / 1000;
      },
    ),
    atMost(
      'start to ready, bundled model',
      { bound: 2, unit: 's', why: WHY.start },
      ours,
      ({ readyMs }) => readyMs / 1000,
    ),
    atMost('RSS when ready', { bound: 300, unit: 'MB', why: WHY.rss }, ours, ({ readyRssBytes }) =>
      readyRssBytes === undefined ? undefined : readyRssBytes / MIB,
    ),
    elsewhere(
      'int8 branch against fp32',
      '≥ 1.8× faster or smaller, at ≤ 0.5 points of AUROC',
      '1.6 times faster and 0.96 points lost: decision 0024; bundles are fp32',
    ),
    elsewhere('mix-ups, losses, crashes; growth of memory', '0; within noise', 'by npm run soak'),
  ];
}

function atLeast(
  figure: string,
  { bound, aim, why }: { readonly bound: number; readonly aim?: number; readonly why: string },
  blocks: readonly MeasuredBlock[],
  value: (block: MeasuredBlock) => number | undefined,
): BoundRow {
  const reached = spreadOf(blocks.flatMap((block) => value(block) ?? []));
  const state = stateOf(reached, (median) => median >= bound);
  return {
    figure,
    bound: `≥ ${bound.toFixed(2)}${aim === undefined ? '' : `, aim ${aim.toFixed(2)}`}`,
    reached,
    digits: 2,
    unit: '',
    state,
    remark: state === 'not reached' ? why : '',
  };
}

function atMost(
  figure: string,
  { bound, unit, why }: { readonly bound: number; readonly unit: string; readonly why: string },
  blocks: readonly MeasuredBlock[],
  value: (block: MeasuredBlock) => number | undefined,
): BoundRow {
  const reached = spreadOf(blocks.flatMap((block) => value(block) ?? []));
  const state = stateOf(reached, (median) => median <= bound);
  const givenUp =
    unit === 'ms' && (reached?.max ?? 0) >= PROBE_PATIENCE_MS ? 'some probes were given up' : '';
  const remark = [state === 'not reached' ? why : '', givenUp].filter((text) => text !== '').join('; ');
  return { figure, bound: `≤ ${bound} ${unit}`, reached, digits: unit === 'MB' ? 0 : 1, unit, state, remark };
}

/** Not this program's to measure; in the table all the same, so that nothing is forgotten. */
function elsewhere(figure: string, bound: string, remark: string): BoundRow {
  return { figure, bound, reached: undefined, digits: 0, unit: '', state: 'not measured', remark };
}

/**
 * In each round, at the number of clients where the fastest peer of that round is fastest; each by the ceiling that was
 * measured beside it, so that a machine that drifts is unfair to nobody.
 */
function againstPeers(blocks: readonly Block[], ours: readonly MeasuredBlock[]): BoundRow {
  const compared = ours.flatMap((own) => {
    const peers = blocks
      .filter(isMeasured)
      .filter(({ contender, round }) => contender !== 'branchline' && round === own.round);
    const best = peers
      .map((peer) => {
        const at = saturation(peer.closed, 'png');
        return { peer, at, share: ratio(at?.perSecond, peer.ceiling.pngPerSecond) };
      })
      .toSorted((a, b) => (b.share ?? 0) - (a.share ?? 0))[0];
    if (best?.at === undefined) return [];
    const same = pngAt(own, best.at.clients);
    const times = ratio(ratio(same?.perSecond, own.ceiling.pngPerSecond), best.share);
    if (times === undefined) return [];
    const slower = (same?.latencyMs?.p99 ?? Number.POSITIVE_INFINITY) > (best.at.latencyMs?.p99 ?? 0);
    return { times, name: best.peer.contender, clients: best.at.clients, slower };
  });
  const reached = spreadOf(compared.map(({ times }) => times));
  const slower = compared.filter((one) => one.slower).length;
  const against = [...new Set(compared.map(({ name, clients }) => `${name} at ${clients} clients`))].join(
    ', ',
  );
  const state = stateOf(reached, (median) => median >= 1.1 && 2 * slower < compared.length);
  const held = against === '' ? '' : `${against}; p99 higher in ${slower} of ${compared.length} rounds`;
  return {
    figure: 'captures/s ÷ the best peer of the same run, at equal or lower p99',
    bound: '≥ 1.10, aim 1.20',
    reached,
    digits: 2,
    unit: '',
    state,
    remark: state === 'not reached' ? `${held}; ${WHY.peers}` : held,
  };
}

function stateOf(reached: Spread | undefined, enough: (median: number) => boolean): State {
  if (reached === undefined) return 'not measured';
  return enough(reached.median) ? 'reached' : 'not reached';
}

function pngAt({ closed }: MeasuredBlock, clients: number) {
  return closed.find((figures) => figures.body === 'png' && figures.clients === clients);
}

function overloadOf({ open }: MeasuredBlock) {
  return open.find(({ load }) => load === OVERLOAD);
}

function ratio(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined || by === 0 ? undefined : value / by;
}
