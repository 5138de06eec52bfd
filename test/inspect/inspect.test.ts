// The line with every room faked: what it asks of each, and what it answers when one fails.
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Bundle } from '../../src/bundle/bundle.js';
import { ModelRegistry } from '../../src/bundle/registry.js';
import { ServiceError } from '../../src/errors.js';
import { createKeeper } from '../../src/inspect/keep.js';
import type { ImageKeeper } from '../../src/inspect/keep-images.js';
import { type Capture, createInspect, type InspectionRooms } from '../../src/inspect.js';
import { type Inspection, inspectionSchema } from '../../src/inspection.js';
import type { Submission } from '../../src/schedule/scheduler.js';
import type { Artefacts } from '../../src/store/store.js';
import { recipesInMemory } from '../recipes/support.js';
import { openTinyBundle } from '../support/tiny-bundle.js';

let bundle: Bundle;
beforeAll(async () => {
  bundle = await openTinyBundle();
});

const KEPT = { fused: Uint8Array.of(1), depth: Uint8Array.of(2), rgb: Uint8Array.of(3) };
const map = { height: 1, width: 2, values: Float32Array.of(0.25, 0.75) };

interface Fakes {
  save?: (inspection: Inspection, artefacts: Artefacts) => Promise<void>;
  submit?: InspectionRooms['scheduler']['submit'];
  storeTimeoutMs?: number;
}

function line({ save = async () => {}, submit, storeTimeoutMs = 1000 }: Fakes = {}) {
  const submissions: Submission[] = [];
  const failures: string[] = [];
  const inspected: Inspection[] = [];
  const stages: unknown[][] = [];
  const kept: Parameters<ImageKeeper['keep']>[] = [];
  const clock = { ms: 0 };
  const inspect = createInspect({
    models: new ModelRegistry([bundle], undefined),
    recipes: recipesInMemory(new ModelRegistry([bundle], undefined)),
    decoder: {
      decode: async () => {
        clock.ms += 5;
        return { dtype: 'uint8', shape: [2], data: Uint8Array.of(1, 2) };
      },
      fault: () => {
        clock.ms += 1;
        return undefined;
      },
    },
    scheduler: {
      submit:
        submit ??
        (async (submission) => {
          submissions.push(submission);
          return {
            queueMs: 3,
            answer: {
              score: Float32Array.of(0.75),
              map,
              modalityScore: Float32Array.of(0.5, 0.25),
              modalityWeight: Float32Array.of(0.75, 0.25),
              modalityMaps: { depth: map, rgb: map },
              keptMaps: KEPT,
              runMs: 2,
            },
          };
        }),
    },
    keeper: createKeeper({
      store: { save },
      timeoutMs: storeTimeoutMs,
      onFailure: (error) => failures.push(error.message),
      onSaved: () => {},
    }),
    images: { keep: (inspection, seen, policy) => void kept.push([inspection, seen, policy]) },
    imagePolicy: { captures: 'review', originals: false },
    nowMs: () => clock.ms,
    onInspected: (inspection) => inspected.push(inspection),
    onStage: (...stage) => stages.push(stage),
  });
  return { inspect, submissions, failures, inspected, stages, kept };
}

const capture = (overrides: Partial<Capture> = {}): Capture => ({
  parts: new Map([
    ['rgb', Buffer.from('x')],
    ['depth', Buffer.from('x')],
  ]),
  metadata: {},
  model: undefined,
  receivedAt: new Date(0),
  receivedMs: -10,
  deadlineMs: 500,
  signal: new AbortController().signal,
  reservePixels: () => () => {},
  ...overrides,
});

describe('inspect', () => {
  it('hands the place of a client that waits to the queue', async () => {
    const { inspect, submissions } = line();
    const arrival = { end: () => {} };
    await inspect(capture({ arrival }));
    expect(submissions.map((submission) => submission.arrival)).toEqual([arrival]);
  });

  it('keeps the record under the id it was given, and not before that is on disk', async () => {
    const saved: string[] = [];
    const { inspect } = line({ save: async ({ inspectionId }) => void saved.push(inspectionId) });
    let onDisk = () => {};
    const claimed = new Promise<void>((resolve) => {
      onDisk = resolve;
    });
    const answer = inspect(capture({ inspectionId: 'claimed-1', claimed }));
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(saved).toEqual([]);
    onDisk();
    expect((await answer).inspectionId).toBe('claimed-1');
    expect(saved).toEqual(['claimed-1']);
  });

  it('feeds the branch its modalities as a batch of one, with the caller’s deadline and signal', async () => {
    const { inspect, submissions } = line();
    const asked = capture();
    await inspect(asked);
    expect(submissions).toHaveLength(1);
    const [submission] = submissions;
    expect(submission).toMatchObject({ deadlineMs: 500, call: { model: 'tiny@1', branch: 'depth+rgb' } });
    expect(submission?.signal).toBe(asked.signal);
    expect(submission?.call.inputs).toEqual({
      depth: { dtype: 'uint8', shape: [1, 2], data: Uint8Array.of(1, 2) },
      rgb: { dtype: 'uint8', shape: [1, 2], data: Uint8Array.of(1, 2) },
    });
  });

  it('answers what the branch said, with evidence by modality and the time of each stage', async () => {
    const { inspect, inspected } = line();
    const inspection = await inspect(capture({ metadata: { captureId: 'c-1' } }));
    expect(inspection).toMatchObject({
      captureId: 'c-1',
      verdict: 'NG',
      score: 0.75,
      branch: 'depth+rgb',
      evidence: { depth: { score: 0.5, weight: 0.75 }, rgb: { score: 0.25, weight: 0.25 } },
      timings: { decodeMs: 12, queueMs: 3, runMs: 2, totalMs: 22 },
      receivedAt: '1970-01-01T00:00:00.000Z',
      stored: true,
    });
    expect(inspectionSchema.parse(inspection)).toEqual(inspection);
    expect(inspected).toEqual([inspection]);
  });

  it('tells of each stage when it is over, the gate apart from the decoding it runs among', async () => {
    const { inspect, stages } = line();
    await inspect(capture());
    expect(stages).toEqual([
      ['decode', 0, 10],
      ['gate', 10, 12],
      ['queue', 12, 15],
      ['run', 15, 17],
      ['judge', 12, 12],
    ]);
  });

  it('tells of no run where none was', async () => {
    const { inspect, stages } = line({
      submit: () => Promise.reject(new ServiceError('WORKER_LOST', { detail: 'died' })),
    });
    await expect(inspect(capture())).rejects.toMatchObject({ code: 'WORKER_LOST' });
    expect(stages.map(([stage]) => stage)).toEqual(['decode', 'gate']);
  });

  it('stores what it answers and the maps as the worker gives them, then has the pictures kept', async () => {
    const saved: [Inspection, Artefacts][] = [];
    const { inspect, kept } = line({
      save: async (...record) => {
        expect(kept).toEqual([]);
        saved.push(record);
      },
    });
    const asked = capture();
    const inspection = await inspect(asked);
    expect(saved).toEqual([[inspection, { maps: KEPT }]]);
    expect(kept).toEqual([[inspection, expect.anything(), { captures: 'review', originals: false }]]);
    expect(kept[0]?.[1].parts).toBe(asked.parts);
    expect(kept[0]?.[1].frame?.name).toBe(inspection.heatmap?.frame);
  });

  it('answers though the store fails, marked as not stored', async () => {
    const { inspect, failures, inspected, kept } = line({
      save: () => Promise.reject(new Error('disk full')),
    });
    const inspection = await inspect(capture());
    expect(inspection).toMatchObject({ verdict: 'NG', stored: false });
    expect(kept).toEqual([]);
    expect(failures).toEqual(['disk full']);
    expect(inspected).toEqual([inspection]);
  });

  it('answers though the store hangs', async () => {
    const { inspect, failures } = line({ save: () => new Promise(() => {}), storeTimeoutMs: 1 });
    expect((await inspect(capture())).stored).toBe(false);
    expect(failures).toEqual(['the store took longer than 1 ms']);
  });

  it('hands a store that hangs no more than it can hold, and goes on once it has caught up', async () => {
    const settle: (() => void)[] = [];
    const { inspect, failures } = line({
      save: () => new Promise((resolve) => settle.push(resolve)),
      storeTimeoutMs: 1,
    });
    for (let n = 0; n < 70; n++) expect((await inspect(capture())).stored).toBe(false);
    expect(settle).toHaveLength(64);
    expect(failures[69]).toBe('the store still owes 64 saves');
    for (const resolve of settle) resolve();
    await inspect(capture());
    expect(settle).toHaveLength(65);
  });

  it('stores nothing where the model gave no answer', async () => {
    const saved: Inspection[] = [];
    const { inspect, inspected } = line({
      submit: () => Promise.reject(new ServiceError('WORKER_LOST', { detail: 'died' })),
      save: async (inspection) => {
        saved.push(inspection);
      },
    });
    await expect(inspect(capture())).rejects.toMatchObject({ code: 'WORKER_LOST' });
    expect([saved, inspected]).toEqual([[], []]);
  });
});
