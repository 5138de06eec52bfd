// The captures room over a real intake store, with clock, line and results in the test's hand.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Captures, type CapturesOptions } from '../../src/captures/captures.js';
import { ServiceError } from '../../src/errors.js';
import type { Capture, Inspect } from '../../src/inspect.js';
import type { Inspection } from '../../src/inspection.js';
import type { IntakeEntry, IntakeStore } from '../../src/intake/intake-store.js';
import { openLmdbIntake } from '../../src/intake/lmdb.js';
import { anInspection } from '../store/samples.js';

export interface Line {
  readonly captures: Captures;
  readonly intake: IntakeStore;
  /** What the line was given, in its order. */
  readonly runs: Capture[];
  /** By inspectionId, as the result store would have them. */
  readonly results: Map<string, Inspection>;
  readonly clock: { ms: number };
  readonly setAside: IntakeEntry[];
  readonly failures: Error[];
  /** What the next runs do instead; empty: they are answered and stored. */
  readonly script: ((capture: Capture) => Promise<Inspection>)[];
  /** What comes before the next records of failures. */
  readonly saves: (() => Promise<void>)[];
  close(): Promise<void>;
}

export interface LineOptions extends Partial<CapturesOptions> {
  readonly results?: Map<string, Inspection> & CapturesOptions['results'];
}

let ids = 0;

export const bytes = (text: string): Buffer => Buffer.from(text);

export function recorded(capture: Capture, results: Map<string, Inspection>): Inspection {
  const { inspectionId = 'none', revision = 1, previous = null, metadata, parts } = capture;
  const inspection = anInspection({
    inspectionId,
    revision,
    previous,
    captureId: metadata.captureId ?? inspectionId,
    modalities: { used: [...parts.keys()].sort(), missing: [], dropped: [], unused: [] },
    completedAt: `run-${ids++}`,
  });
  const held = results.get(inspectionId);
  if (held === undefined || held.revision < revision) results.set(inspectionId, inspection);
  return inspection;
}

export function openLine(
  intake: IntakeStore,
  overrides: Partial<CapturesOptions> = {},
  stored = new Map<string, Inspection>(),
): Line {
  const runs: Capture[] = [];
  const clock = { ms: 1_000_000 };
  const setAside: IntakeEntry[] = [];
  const failures: Error[] = [];
  const script: Line['script'] = [];
  const saves: Line['saves'] = [];
  const inspect: Inspect = async (capture) => {
    runs.push(capture);
    await capture.claimed;
    const scripted = script.shift();
    return scripted === undefined ? recorded(capture, stored) : scripted(capture);
  };
  const captures = new Captures({
    intake,
    results: {
      get: async (id) => stored.get(id),
      save: async (inspection) => {
        await saves.shift()?.();
        // As the store: what is there already, in this revision, stays.
        if (!stored.has(inspection.inspectionId)) stored.set(inspection.inspectionId, inspection);
      },
    },
    inspect,
    assertAcceptable: () => {},
    assertKnown: () => {},
    recipeOf: (id) => {
      if (id === 'revise') return { maxWaitMs: 500, late: 'revise' };
      if (id === 'ignore') return { late: 'ignore' };
      throw new ServiceError('UNKNOWN_RECIPE', { detail: `There is no recipe "${id}".` });
    },
    claimBytes: () => ({ reservePixels: () => () => {}, release: () => {} }),
    owner: 'me',
    newInspectionId: () => `id-${ids++}`,
    windowMs: 60_000,
    maxWaitMs: 2000,
    lateMs: 10_000,
    runners: 2,
    maxCaptures: 10,
    maxBytes: 1000,
    bodyLimitBytes: 100,
    nowMs: () => clock.ms,
    monotonicMs: () => clock.ms,
    pause: async (_ms, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    },
    // Nothing happens by itself: tests call runners.turn().
    after: () => () => {},
    onReplayed: () => {},
    onUsage: () => {},
    onSetAside: (entry) => setAside.push(entry),
    onOutOfReach: (error) => failures.push(error),
    ...overrides,
  });
  return {
    captures,
    intake,
    runs,
    results: stored,
    clock,
    setAside,
    failures,
    script,
    saves,
    close: () => captures.runners.stop(new ServiceError('SHUTTING_DOWN', { detail: 'The test ends.' })),
  };
}

export async function lmdbPlace(): Promise<{ open(): IntakeStore; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'branchline-captures-'));
  return { open: () => openLmdbIntake({ path }), remove: () => rm(path, { recursive: true, force: true }) };
}

export function aCapture(captureId: string, content: string, changes: Partial<Capture> = {}): Capture {
  return {
    parts: new Map([['rgb', bytes(content)]]),
    metadata: { captureId },
    model: undefined,
    receivedAt: new Date(0),
    receivedMs: 1_000_000,
    deadlineMs: 1_005_000,
    signal: new AbortController().signal,
    reservePixels: () => () => {},
    ...changes,
  };
}

/** A promise that is settled from outside. */
export function latch<T = void>() {
  let open: (value: T) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}
