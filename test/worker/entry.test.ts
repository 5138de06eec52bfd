// The real inference thread on the tiny bundle.
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bundle, readGraphs } from '../../src/bundle/bundle.js';
import { type GoldenVectors, readGolden, selfTest } from '../../src/bundle/golden.js';
import { decodeMap, quantise } from '../../src/map-codec.js';
import { InferenceWorker, type RunResult } from '../../src/worker/inference-worker.js';
import type {
  BatchAnswer,
  BatchTensor,
  BranchCall,
  SessionOptions,
  Startup,
} from '../../src/worker/protocol.js';
import { openTinyBundle } from '../support/tiny-bundle.js';

const ENTRY = new URL('../../src/worker/entry.js', import.meta.url);
const CPU: SessionOptions = { providers: ['cpu'], policy: 'strict', intraOpThreads: 1, maxBatch: 1 };

let bundle: Bundle;
let golden: GoldenVectors;
beforeAll(async () => {
  bundle = await openTinyBundle();
  golden = await readGolden(bundle);
});

const workers: InferenceWorker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.drain();
});

function newWorker(): InferenceWorker {
  const worker = new InferenceWorker(ENTRY);
  workers.push(worker);
  return worker;
}

/** A turn of one batch. */
async function runBatch(worker: InferenceWorker, batch: readonly BranchCall[]): Promise<RunResult> {
  const [result] = await worker.run([batch]);
  if (result === undefined) throw new Error('no result for the batch');
  return result;
}

/** Throws what the call alone failed of. */
async function answerTo(worker: InferenceWorker, call: BranchCall): Promise<BatchAnswer> {
  const [outcome] = (await runBatch(worker, [call])).outcomes;
  if (outcome === undefined || outcome instanceof Error) throw outcome;
  return outcome;
}

/** NaN where the lengths differ. */
function largestGap(one: ArrayLike<number>, other: ArrayLike<number>): number {
  if (one.length !== other.length) return Number.NaN;
  return Array.from(one).reduce((gap, value, at) => Math.max(gap, Math.abs(value - (other[at] ?? 0))), 0);
}

/** Sample `row` of the golden inputs, as one capture. */
function captureOf(branch: string, row: number): BranchCall {
  const inputs = branch.split('+').map((name) => {
    const input = golden.inputs[name];
    if (input === undefined) throw new Error(`no golden ${name}`);
    const size = input.data.length / (input.shape[0] ?? 1);
    const data = input.data.slice(row * size, (row + 1) * size);
    return [name, { ...input, shape: [1, ...input.shape.slice(1)], data } as BatchTensor] as const;
  });
  return { model: bundle.key, branch, inputs: Object.fromEntries(inputs) };
}

async function startup(options: SessionOptions): Promise<Startup> {
  const { encoders, heads } = await readGraphs(bundle);
  const { manifest, key } = bundle;
  const bytes = (graphs: Readonly<Record<string, Uint8Array>>, name: string) =>
    graphs[name] ?? new Uint8Array();
  return {
    type: 'startup',
    options,
    models: [
      {
        key,
        encoders: manifest.encoders.map((spec) => ({ spec, onnx: bytes(encoders, spec.modality) })),
        branches: manifest.branches.map((spec) => ({ spec, onnx: bytes(heads, spec.id) })),
      },
    ],
  };
}

it('has products computed exactly, unless the environment says otherwise', () => {
  // Set by what is imported above, before ONNX Runtime and CUDA are loaded.
  expect(process.env.NVIDIA_TF32_OVERRIDE).toBe('0');
});

/** Golden samples of a run. */
const ALL = 1000;

describe('the inference thread', () => {
  it('answers every branch as the trainer did', async () => {
    const worker = newWorker();
    await expect(worker.start(await startup(CPU))).resolves.toEqual({ active: 'cpu', refused: [] });
    await expect(
      selfTest(golden, ALL, async (calls) => (await runBatch(worker, calls)).outcomes),
    ).resolves.toBeUndefined();
  });

  it('runs each encoder once where branches are asked for the same input', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const seen: string[] = [];
    await selfTest(golden, ALL, async (calls) => {
      const { outcomes, graphs } = await runBatch(worker, calls);
      for (const { kind, name, samples } of graphs) if (kind === 'encoder') seen.push(`${name} ${samples}`);
      return outcomes;
    });
    const samples = golden.expected[0]?.score.length;
    expect(seen.sort()).toEqual(bundle.manifest.encoders.map((spec) => `${spec.modality} ${samples}`).sort());
  });

  it('names the graph that cannot be opened', async () => {
    const message = await startup(CPU);
    const [first] = message.models[0]?.encoders ?? [];
    first?.onnx.fill(0);
    await expect(newWorker().start(message)).rejects.toThrow(/tiny@1, encoder "acoustic": /);
  });

  it('gives no answer whose score is no number', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const data = new Float32Array(4000).fill(3.4e38);
    const inputs = { acoustic: { dtype: 'float32', shape: [1, 4000], data } } as const;
    await expect(answerTo(worker, { model: bundle.key, branch: 'acoustic', inputs })).rejects.toThrow(
      /branch "acoustic" gave no number as "score"/,
    );
  });

  it('gives each used encoder its own map, and evidence in the order of the branch', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const [rgb, depth] = [golden.inputs.rgb, golden.inputs.depth];
    if (rgb === undefined || depth === undefined) throw new Error('no golden inputs');
    const answer = await answerTo(worker, {
      model: 'tiny@1',
      branch: 'depth+rgb',
      inputs: {
        rgb: { ...rgb, data: rgb.data.slice() } as never,
        depth: { ...depth, data: depth.data.slice() } as never,
      },
    });
    expect(Object.keys(answer.modalityMaps)).toEqual(['depth', 'rgb']);
    expect(answer.modalityMaps.rgb).toMatchObject({ height: 64, width: 64 });
    // Two samples: nothing of them is kept.
    expect(answer.keptMaps).toEqual({});
    const depthAlone = golden.expected.find(({ branch }) => branch === 'depth');
    expect(answer.modalityScore[0]).toBeCloseTo(depthAlone?.score[0] ?? Number.NaN, 4);
  });

  it('gives the maps of one sample as they are kept, too', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const answer = await answerTo(worker, captureOf('depth+rgb', 0));
    const { fused, ...others } = answer.keptMaps;
    expect(await decodeMap(fused ?? new Uint8Array())).toEqual(quantise(answer.map));
    expect(Object.keys(others)).toEqual(['depth', 'rgb']);
    for (const [name, bytes] of Object.entries(others))
      expect(await decodeMap(bytes)).toEqual(quantise(answer.modalityMaps[name] as never));
  });

  it('encodes a map once where a single modality has the fused one for its own', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const { map, keptMaps } = await answerTo(worker, captureOf('depth', 0));
    expect(Object.keys(keptMaps)).toEqual(['fused', 'depth']);
    expect(keptMaps.depth).toBe(keptMaps.fused);
    expect(await decodeMap(keptMaps.depth ?? new Uint8Array())).toEqual(quantise(map));
  });

  it('answers a batch of several branches as it answers each capture alone', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const mixed = ['rgb', 'depth+rgb', 'acoustic', 'acoustic+depth+rgb', 'rgb', 'depth+rgb', 'depth'];
    const row = (at: number) => (at > 3 ? 1 : 0);
    const { outcomes, graphs } = await runBatch(
      worker,
      mixed.map((branch, at) => captureOf(branch, row(at))),
    );
    expect(outcomes).toHaveLength(mixed.length);
    for (const [at, branch] of mixed.entries()) {
      const alone = await answerTo(worker, captureOf(branch, row(at)));
      const together = outcomes[at] as BatchAnswer;
      const expected = golden.expected.find((entry) => entry.branch === branch)?.score[row(at)];
      expect(together.score).toHaveLength(1);
      expect(together.score[0]).toBeCloseTo(expected ?? Number.NaN, 5);
      expect(largestGap(together.modalityScore, alone.modalityScore)).toBeLessThan(1e-6);
      expect(largestGap(together.modalityWeight, alone.modalityWeight)).toBeLessThan(1e-6);
      expect(largestGap(together.map.values, alone.map.values)).toBeLessThan(1e-6);
      expect(Object.keys(together.modalityMaps)).toEqual(branch.split('+'));
      for (const [name, { values }] of Object.entries(together.modalityMaps))
        expect(largestGap(values, alone.modalityMaps[name]?.values ?? [])).toBeLessThan(1e-6);
    }
    const samples = Object.fromEntries(graphs.map(({ kind, name, samples }) => [`${kind} ${name}`, samples]));
    expect(samples).toEqual({
      'encoder rgb': 5,
      'encoder depth': 4,
      'encoder acoustic': 2,
      'head rgb': 2,
      'head depth+rgb': 2,
      'head acoustic': 1,
      'head acoustic+depth+rgb': 1,
      'head depth': 1,
    });
  });

  it('answers the others of a batch where one sample is bad', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const loud = { dtype: 'float32', shape: [1, 4000], data: new Float32Array(4000).fill(3.4e38) } as const;
    const { outcomes } = await runBatch(worker, [
      captureOf('acoustic', 0),
      { model: bundle.key, branch: 'acoustic', inputs: { acoustic: loud } },
      captureOf('acoustic+rgb', 1),
    ]);
    const expected = (branch: string, row: number) =>
      golden.expected.find((entry) => entry.branch === branch)?.score[row] ?? Number.NaN;
    expect((outcomes[0] as BatchAnswer).score[0]).toBeCloseTo(expected('acoustic', 0), 5);
    expect(outcomes[1]).toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(/gave no number as "score"/),
    });
    expect((outcomes[2] as BatchAnswer).score[0]).toBeCloseTo(expected('acoustic+rgb', 1), 5);
  });

  it('answers a turn batch by batch, and the others where a sample of one is bad', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    const loud = { dtype: 'float32', shape: [1, 4000], data: new Float32Array(4000).fill(3.4e38) } as const;
    const results = await worker.run([
      [captureOf('rgb', 0), captureOf('rgb', 1)],
      [{ model: bundle.key, branch: 'acoustic', inputs: { acoustic: loud } }],
      [captureOf('depth+rgb', 1)],
    ]);
    const expected = (branch: string, row: number) =>
      golden.expected.find((entry) => entry.branch === branch)?.score[row] ?? Number.NaN;
    const [rgb, bad, both] = results.map(({ outcomes }) => outcomes as BatchAnswer[]);
    expect(rgb?.[0]?.score[0]).toBeCloseTo(expected('rgb', 0), 5);
    expect(rgb?.[1]?.score[0]).toBeCloseTo(expected('rgb', 1), 5);
    expect(bad).toEqual([expect.objectContaining({ code: 'INTERNAL' })]);
    expect(both?.[0]?.score[0]).toBeCloseTo(expected('depth+rgb', 1), 5);
    expect(results.map(({ graphs }) => graphs.map(({ samples }) => samples))).toEqual([
      [2, 2],
      [],
      [1, 1, 1],
    ]);
  });

  it('says which branch it does not have, and goes on', async () => {
    const worker = newWorker();
    await worker.start(await startup(CPU));
    await expect(answerTo(worker, { model: 'tiny@1', branch: 'sonar', inputs: {} })).rejects.toThrow(
      'tiny@1 has no branch "sonar"',
    );
    await expect(answerTo(worker, { model: 'tiny@1', branch: 'rgb', inputs: {} })).rejects.toThrow(
      'nothing to feed encoder "rgb" with',
    );
    await expect(
      selfTest(golden, ALL, async (calls) => (await runBatch(worker, calls)).outcomes),
    ).resolves.toBeUndefined();
  });

  it('does not start on a graph whose names are not the manifest’s', async () => {
    const message = await startup(CPU);
    const [model] = message.models;
    const encoders = model?.encoders.map(({ spec, onnx }) => ({
      onnx,
      spec: { ...spec, outputs: [...spec.outputs, { name: 'more', dtype: 'float32' as const, shape: [] }] },
    }));
    const lying = { ...message, models: [{ ...model, encoders } as (typeof message.models)[number]] };
    await expect(newWorker().start(lying)).rejects.toThrow(
      /tiny@1, encoder "acoustic": the graph gives evidence,map, the manifest says otherwise/,
    );
  });

  it('does not start, where policy is strict, without the provider asked for, and says how to get it', async () => {
    const options: SessionOptions = { ...CPU, providers: ['cuda', 'cpu'] };
    const error = await newWorker()
      .start(await startup(options))
      .catch((thrown: Error) => thrown.message);
    expect(error).toMatch(
      /provider cuda does not start: .*onnxruntime-node-install=cuda12.*PROVIDER_POLICY=fallback/,
    );
    expect(error).not.toContain('\n');
  });

  it('falls back, where policy allows, and reports why', async () => {
    const worker = newWorker();
    const options: SessionOptions = { ...CPU, providers: ['cuda', 'cpu'], policy: 'fallback' };
    const report = await worker.start(await startup(options));
    expect(report).toEqual({ active: 'cpu', refused: [{ provider: 'cuda', why: expect.any(String) }] });
    await expect(
      selfTest(golden, ALL, async (calls) => (await runBatch(worker, calls)).outcomes),
    ).resolves.toBeUndefined();
  });
});
