// Looks through stored inspections for the good parts of a recipe, and proposes thresholds that keep a promise.
import type { Bundle } from '../bundle/bundle.js';
import { ServiceError } from '../errors.js';
import type { Inspection } from '../inspection.js';
import type { ResultStore } from '../store/store.js';
import type { Thresholds } from '../verdict/judge.js';
import { type GoodPart, goodPartOf, partsNeeded, reviewThreshold, withReview } from './calibrate.js';
import { hashOfMasks, maskedFrames } from './masks.js';
import type { CurrentRecipe, Recipe } from './recipe.js';

export interface CalibrationRequest {
  /** 0…1: the share of good parts that may be sent to a person. */
  readonly falseCallRate: number;
  /** Where to begin in the feed; undefined: at its first record. */
  readonly after?: string | undefined;
  /** Parts that were judged earlier do not count. */
  readonly from?: string | undefined;
  readonly lineId?: string | undefined;
}

export interface BranchProposal {
  readonly branch: string;
  /** Good parts this branch judged. */
  readonly n: number;
  /** null: too few. */
  readonly thresholds: Thresholds | null;
}

export interface Proposal {
  readonly falseCallRate: number;
  readonly method: typeof METHOD;
  /** Records looked at, and where the next look would go on; `reachedEnd` false: there are more behind it. */
  readonly scanned: number;
  readonly nextCursor: string;
  readonly reachedEnd: boolean;
  readonly n: number;
  readonly needed: number;
  /** null where each branch has thresholds of its own. */
  readonly thresholds: Thresholds | null;
  readonly branches: readonly BranchProposal[];
  /** The recipe as it would be. */
  readonly proposed: Recipe;
}

export const METHOD = 'order statistic ceil((n+1)(1-rate)) of good parts';

const PAGE = 100;
/** A longer feed is looked through in several requests. */
const MAX_PAGES = 500;

/** Throws ServiceError TOO_FEW_PARTS, BAD_CURSOR, STORE_UNAVAILABLE, or the signal's reason. */
export async function propose(
  current: CurrentRecipe,
  bundle: Bundle,
  request: CalibrationRequest,
  store: Pick<ResultStore, 'list'>,
  signal: AbortSignal,
): Promise<Proposal> {
  const { good, ...look } = await goodParts(current, bundle, request, store, signal);
  const { falseCallRate } = request;
  const needed = partsNeeded(falseCallRate);
  const { recipe } = current;
  const result = { falseCallRate, method: METHOD, ...look, n: good.length, needed } as const;
  if (recipe.thresholds !== undefined && recipe.thresholdsByBranch === undefined) {
    const review = reviewThreshold(scoresOf(good), falseCallRate);
    if (review === undefined) throw tooFew(current.id, good, needed, look.reachedEnd);
    const thresholds = withReview(recipe.thresholds, review);
    return { ...result, thresholds, branches: [], proposed: { ...recipe, thresholds } };
  }
  const branches = bundle.manifest.branches.flatMap(({ id, thresholds: own }): BranchProposal[] => {
    const parts = good.filter(({ branch }) => branch === id);
    if (parts.length === 0) return [];
    const review = reviewThreshold(scoresOf(parts), falseCallRate);
    const today = recipe.thresholdsByBranch?.[id] ?? recipe.thresholds ?? own;
    const thresholds = review === undefined ? null : withReview(today, review);
    return [{ branch: id, n: parts.length, thresholds }];
  });
  const found = branches.flatMap(({ branch, thresholds }) =>
    thresholds === null ? [] : [[branch, thresholds]],
  );
  if (found.length === 0) throw tooFew(current.id, good, needed, look.reachedEnd);
  const thresholdsByBranch = { ...recipe.thresholdsByBranch, ...Object.fromEntries(found) };
  return { ...result, thresholds: null, branches, proposed: { ...recipe, thresholdsByBranch } };
}

async function goodParts(
  current: CurrentRecipe,
  bundle: Bundle,
  { after, from, lineId }: CalibrationRequest,
  store: Pick<ResultStore, 'list'>,
  signal: AbortSignal,
) {
  const fromMs = from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from);
  const hashOfBranch = maskHashes(current.recipe, bundle);
  const counts = ({ recipe, model, completedAt, branch, mask }: Inspection) =>
    recipe === current.id &&
    model.sha256 === bundle.sha256 &&
    Date.parse(completedAt) >= fromMs &&
    mask?.hash === hashOfBranch.get(branch ?? '');
  const good: GoodPart[] = [];
  let cursor = after;
  let scanned = 0;
  for (let pages = 1; ; pages++) {
    signal.throwIfAborted();
    const page = await store.list({
      limit: PAGE,
      ...(cursor && { after: cursor }),
      ...(lineId && { lineId }),
    });
    scanned += page.items.length;
    for (const inspection of page.items) {
      const part = counts(inspection) ? goodPartOf(inspection) : undefined;
      if (part !== undefined) good.push(part);
    }
    const reachedEnd = page.nextCursor === cursor;
    cursor = page.nextCursor;
    if (reachedEnd || pages >= MAX_PAGES) return { good, scanned, nextCursor: cursor, reachedEnd };
    // Captures go first: a page takes milliseconds.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What the scores of each branch were judged under, if they compare with those that will be; absent: no mask. */
function maskHashes({ masks }: Recipe, { manifest }: Bundle): ReadonlyMap<string, string> {
  if (masks === undefined) return new Map();
  const masked = manifest.branches.filter(
    (branch) => maskedFrames(masks, branch, manifest.modalities).length > 0,
  );
  const hash = hashOfMasks(masks);
  return new Map(masked.map(({ id }) => [id, hash]));
}

function scoresOf(parts: readonly GoodPart[]): number[] {
  return parts.map(({ score }) => score);
}

function tooFew(id: string, good: readonly GoodPart[], needed: number, reachedEnd: boolean): ServiceError {
  const branches = [...new Set(good.map(({ branch }) => branch))].sort();
  const each = branches.map((branch) => `${branch} ${good.filter((part) => part.branch === branch).length}`);
  return new ServiceError('TOO_FEW_PARTS', {
    detail:
      `Recipe "${id}" has ${good.length} good parts of the model and masks it uses now` +
      `${each.length > 1 ? ` (${each.join(', ')})` : ''}; this false-call rate needs ${needed}` +
      `${reachedEnd ? '' : ', and the feed is longer than one look: go on with "after"'}. ` +
      'Review more parts (CONFIRMED where they are OK, FALSE_CALL where they were called), or ask for a higher rate.',
    part: 'falseCallRate',
  });
}
