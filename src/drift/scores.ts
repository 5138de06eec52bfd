// The scores of each line, recipe and model: how they lie now against those of calibration, and which branch gave them.
import type { Inspection } from '../inspection.js';
import { type Bins, binOf, chanceLimit, MODERATE, populationStabilityIndex, SHIFTED, sum } from './psi.js';
import { Recent } from './recent.js';
import { Window, type WindowSize } from './window.js';

/** Of each branch of the models that are loaded. */
export interface Reference {
  /** "name@version". */
  readonly model: string;
  readonly branch: string;
  /** Of the good parts of calibration. */
  readonly bins: Bins;
}

/** `too_few`: parts judged, or good parts of calibration. */
export type ScoreState = 'stable' | 'moderate' | 'shifted' | 'too_few';

export interface BranchDrift {
  readonly branch: string;
  /** 0…1, of the captures of this line, recipe and model. */
  readonly share: number;
  /** Scores in the window, and good parts in the calibration. */
  readonly scores: number;
  readonly calibrationParts: number;
  readonly state: ScoreState;
  /** null: too few. */
  readonly psi: number | null;
  /** From here on the scores are called shifted. */
  readonly limit: number | null;
  /** Shares of the calibration's scores, and of the window's, below `upTo` and not below the one before. */
  readonly bins: { readonly upTo: number; readonly expected: number; readonly actual: number }[];
}

export interface LineDrift {
  readonly lineId: string | null;
  readonly recipe: string | null;
  readonly model: string;
  readonly captures: number;
  readonly notDecidable: number;
  readonly oldest: string;
  readonly newest: string;
  readonly branches: BranchDrift[];
}

/** Combinations of line, recipe and model; plants have tens. */
const MAX_GROUPS = 200;
/** Fewer say nothing: PSI of so few is noise. */
const MIN_SCORES = 100;

interface Group {
  readonly lineId: string | null;
  readonly recipe: string | null;
  readonly model: string;
  /** By the branch that judged; null: none. */
  readonly captures: Window<string | null>;
  /** By branch, the bin of each score. */
  readonly scores: Map<string, Window<number>>;
}

export class ScoreWindows {
  readonly #groups = new Recent<Group>(MAX_GROUPS);
  readonly #bins: ReadonlyMap<string, Bins>;
  readonly #size: WindowSize;

  constructor(references: readonly Reference[], size: WindowSize) {
    this.#bins = new Map(references.map(({ model, branch, bins }) => [keyOf(model, branch), bins]));
    this.#size = size;
  }

  add(inspection: Inspection, atMs: number): void {
    const { lineId, recipe, branch, mask } = inspection;
    const model = `${inspection.model.name}@${inspection.model.version}`;
    // The calibration knows no masks: what the model gave is held against it.
    const score = mask?.unmaskedScore ?? inspection.score;
    const group = this.#groups.of(keyOf(lineId, recipe, model), () => ({
      lineId,
      recipe,
      model,
      captures: new Window(this.#size),
      scores: new Map(),
    }));
    group.captures.add(branch, atMs);
    if (branch === null || score === null) return;
    const scores = group.scores.get(branch) ?? new Window<number>(this.#size);
    group.scores.set(branch, scores);
    scores.add(binOf(score, this.#binsOf(model, branch)), atMs);
  }

  report(nowMs: number): LineDrift[] {
    const groups = this.#groups.current(({ captures }) => {
      captures.forgetOld(nowMs);
      return captures.length === 0;
    });
    return groups.map((group) => this.#describe(group, nowMs));
  }

  #describe({ lineId, recipe, model, captures, scores }: Group, nowMs: number): LineDrift {
    const isoOf = (ms: number | undefined) => new Date(ms ?? nowMs).toISOString();
    for (const [branch, window] of scores) {
      window.forgetOld(nowMs);
      if (window.length === 0) scores.delete(branch);
    }
    const branches = [...scores].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      lineId,
      recipe,
      model,
      captures: captures.length,
      notDecidable: captures.count(null),
      oldest: isoOf(captures.oldestMs),
      newest: isoOf(captures.newestMs),
      branches: branches.map(([branch, window]) => ({
        branch,
        share: captures.count(branch) / captures.length,
        ...compare(window, this.#binsOf(model, branch)),
      })),
    };
  }

  /** Every model that judges was loaded at the start, with all its branches. */
  #binsOf(model: string, branch: string): Bins {
    return this.#bins.get(keyOf(model, branch)) as Bins;
  }
}

function compare(window: Window<number>, { upTo, counts }: Bins): Omit<BranchDrift, 'branch' | 'share'> {
  const scores = window.length;
  const calibrationParts = sum(counts);
  const actual = counts.map((_, bin) => window.count(bin));
  const bins = upTo.map((edge, bin) => ({
    upTo: edge,
    expected: (counts[bin] ?? 0) / calibrationParts,
    actual: (actual[bin] ?? 0) / scores,
  }));
  const sizes = { scores, calibrationParts, bins };
  if (scores < MIN_SCORES || bins.length < 2) return { ...sizes, state: 'too_few', psi: null, limit: null };
  const psi = populationStabilityIndex(counts, actual);
  const chance = chanceLimit(bins.length, calibrationParts, scores);
  const limit = Math.max(SHIFTED, chance);
  const isMoved = psi >= Math.max(MODERATE, chance);
  return { ...sizes, psi, limit, state: psi >= limit ? 'shifted' : isMoved ? 'moderate' : 'stable' };
}

function keyOf(...names: (string | null)[]): string {
  return JSON.stringify(names);
}
