import { beforeAll, describe, expect, it } from '@jest/globals';
import { type GoldenVectors, readGolden, selfTest, warmUp } from '../../src/bundle/golden.js';
import { parseNpy } from '../../src/bundle/npy.js';
import type { BatchAnswer, BranchCall } from '../../src/worker/protocol.js';
import { npyFile } from '../support/files.js';
import { openTinyBundle } from '../support/tiny-bundle.js';

describe('parseNpy', () => {
  it('reads what NumPy wrote', () => {
    const parsed = parseNpy(npyFile('<f4', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6.5)));
    expect(parsed.shape).toEqual([2, 3]);
    expect(Array.from(parsed.data)).toEqual([1, 2, 3, 4, 5, 6.5]);
    expect(parseNpy(npyFile('|u1', [4], Uint8Array.of(0, 1, 2, 255)))).toMatchObject({
      dtype: 'uint8',
      shape: [4],
    });
  });

  it('refuses other files, other types, and a shape its bytes do not fill', () => {
    expect(() => parseNpy(Buffer.from('not numpy at all'))).toThrow('is not a .npy file');
    expect(() => parseNpy(npyFile('<u2', [2], Uint16Array.of(1, 2)))).toThrow('holds "<u2"');
    expect(() => parseNpy(npyFile('<f4', [3], Float32Array.of(1, 2)))).toThrow('needs another count');
  });
});

describe('readGolden', () => {
  it('refuses inputs of another shape than captures are decoded to', async () => {
    const bundle = await openTinyBundle();
    const modalities = bundle.manifest.modalities.map((spec) =>
      spec.kind === 'audio' ? { ...spec, seconds: 0.5 } : spec,
    );
    await expect(readGolden({ ...bundle, manifest: { ...bundle.manifest, modalities } })).rejects.toThrow(
      /golden\/acoustic\.npy holds samples of shape \(4000\), but the manifest decodes "acoustic" to \(8000\)/,
    );
  });
});

describe('selfTest', () => {
  let golden: GoldenVectors;
  beforeAll(async () => {
    golden = await readGolden(await openTinyBundle());
  });

  /** Samples of a run. */
  const ALL = 1000;

  /** Answers as the trainer did, but for `error` added to one value of the map of one branch. */
  const runtime = (error: number, brokenBranch: string) => async (calls: readonly BranchCall[]) =>
    calls.map((call) => {
      const expected = golden.expected.find(({ branch }) => branch === call.branch);
      if (expected === undefined) throw new Error(`no such branch: ${call.branch}`);
      const values = Float32Array.from(expected.map.data);
      if (call.branch === brokenBranch) values[7] = (values[7] ?? 0) + error;
      return { score: Float32Array.from(expected.score), map: { values } } as BatchAnswer;
    });

  /** As `runtime`, of one golden sample after the other. */
  const oneAtATime = (error: number, sample: number) => {
    let runs = 0;
    return async (calls: readonly BranchCall[]) => {
      const row = runs++;
      return calls.map((call) => {
        for (const [name, { shape, data }] of Object.entries(call.inputs)) {
          const all = golden.inputs[name]?.data ?? [];
          expect(shape[0]).toBe(1);
          expect(Array.from(data)).toEqual(Array.from(all).slice(row * data.length, (row + 1) * data.length));
          // What goes to a worker takes all of its buffer along.
          expect(data.byteLength).toBe(data.buffer.byteLength);
        }
        const expected = golden.expected.find(({ branch }) => branch === call.branch);
        const size = (expected?.map.data.length ?? 0) / 2;
        const values = Float32Array.from(expected?.map.data.slice(row * size, (row + 1) * size) ?? []);
        if (row === sample) values[0] = (values[0] ?? 0) + error;
        return { score: Float32Array.of(expected?.score[row] ?? Number.NaN), map: { values } } as BatchAnswer;
      });
    };
  };

  it('gives a run no more samples than captures are run together, and proves them all', async () => {
    expect(golden.inputs.rgb?.shape[0]).toBe(2);
    await expect(selfTest(golden, 1, oneAtATime(0, 0))).resolves.toBeUndefined();
    for (const wrong of [0, 1])
      await expect(selfTest(golden, 1, oneAtATime(0.01, wrong))).rejects.toThrow('it is off by 0.010');
  });

  it('passes a runtime that answers as the trainer did', async () => {
    await expect(selfTest(golden, ALL, runtime(0.0009, 'rgb'))).resolves.toBeUndefined();
  });

  it('names the branch that answers otherwise', async () => {
    await expect(selfTest(golden, ALL, runtime(0.0011, 'depth+rgb'))).rejects.toThrow(
      /tiny@1, branch "depth\+rgb" fails its self-test: it is off by 0\.0011/,
    );
  });

  it('allows a bundle in half precision what other kernels round differently', async () => {
    const bundle = await openTinyBundle();
    const [first, ...others] = bundle.manifest.encoders;
    if (first === undefined) throw new Error('the tiny bundle has no encoder');
    const encoders = [{ ...first, precision: 'fp16' as const }, ...others];
    const half = await readGolden({ ...bundle, manifest: { ...bundle.manifest, encoders } });
    await expect(selfTest(half, ALL, runtime(0.019, 'rgb'))).resolves.toBeUndefined();
    await expect(selfTest(half, ALL, runtime(0.021, 'rgb'))).rejects.toThrow('allowed: 0.02');
  });

  it('does not let a NaN pass', async () => {
    await expect(selfTest(golden, ALL, runtime(Number.NaN, 'acoustic'))).rejects.toThrow('off by NaN');
  });

  it('names the branch that cannot be run, in one line', async () => {
    const right = runtime(0, '');
    const broken = async (calls: readonly BranchCall[]) =>
      (await right(calls)).with(1, new Error('Unexpected input.\n  Actual: uint8') as never);
    await expect(selfTest(golden, ALL, broken)).rejects.toThrow(
      `tiny@1, branch "${golden.expected[1]?.branch}" fails its self-test: Unexpected input. Actual: uint8`,
    );
  });

  it('feeds each branch its own modalities and nothing else', async () => {
    const fed: string[] = [];
    const answer = runtime(0, '');
    await selfTest(golden, ALL, (calls) => {
      for (const { inputs } of calls) fed.push(Object.keys(inputs).sort().join('+'));
      return answer(calls);
    });
    expect(fed.sort()).toEqual(golden.expected.map(({ branch }) => branch).sort());
  });
});

describe('warmUp', () => {
  let golden: GoldenVectors;
  beforeAll(async () => {
    golden = await readGolden(await openTinyBundle());
  });

  it('runs every encoder once on each size, on what the golden inputs hold', async () => {
    const seen: Record<string, number[]> = {};
    await warmUp(golden, [1, 4], async (calls) => {
      expect(calls).toHaveLength(1);
      for (const [name, { shape, data }] of Object.entries(calls[0]?.inputs ?? {})) {
        seen[name] = [...(seen[name] ?? []), shape[0] ?? 0];
        const own = golden.inputs[name];
        const size = (own?.data.length ?? 0) / (own?.shape[0] ?? 1);
        expect(data.length).toBe((shape[0] ?? 0) * size);
        if (shape[0] === 4) expect(data.subarray(0, 2 * size)).toEqual(own?.data);
        // Two golden samples: the third is the first again.
        if (shape[0] === 4) expect(data.subarray(2 * size, 3 * size)).toEqual(own?.data.subarray(0, size));
      }
      return [{} as BatchAnswer];
    });
    expect(golden.inputs.rgb?.shape[0]).toBe(2);
    expect(Object.keys(seen).sort()).toEqual(Object.keys(golden.inputs).sort());
    for (const sizes of Object.values(seen)) expect(sizes).toEqual([1, 4]);
  });

  it('names the branch and the size that do not run, and what to do', async () => {
    const broken = async () => [new Error('out of\n memory')];
    await expect(warmUp(golden, [1, 16], broken)).rejects.toThrow(
      /tiny@1, branch "acoustic\+depth\+rgb" does not run with a batch of 1: out of memory; a smaller MAX_BATCH may/,
    );
  });
});
