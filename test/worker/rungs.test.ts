// Batches for a provider that searches at each new size: which sizes there are, and that nobody's answer changes.
import { describe, expect, it } from '@jest/globals';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { encoderOnRungs } from '../../src/worker/encoder.js';
import type { BatchTensor } from '../../src/worker/protocol.js';
import { hasRungs, onRungs, rungsUpTo } from '../../src/worker/rungs.js';

/** Sample n holds n twice. */
const batchOf = (samples: number): BatchTensor => ({
  dtype: 'uint8',
  shape: [samples, 2],
  data: Uint8Array.from({ length: 2 * samples }, (_, at) => Math.floor(at / 2)),
});

it('is for CUDA and TensorRT', () => {
  expect(['cuda', 'tensorrt', 'cpu', 'webgpu', 'dml', 'coreml'].map(hasRungs)).toEqual([
    ...[true, true],
    ...[false, false, false, false],
  ]);
});

it.each([
  [1, [1]],
  [2, [1, 2]],
  [3, [1, 2, 4]],
  [16, [1, 2, 4, 8, 16]],
  [17, [1, 2, 4, 8, 16, 32]],
])('for at most %i samples there are batches of %j', (most, rungs) => {
  expect(rungsUpTo(most)).toEqual(rungs);
});

describe('a batch', () => {
  const piecesOf = (samples: number) =>
    onRungs(batchOf(samples), [1, 2, 4]).map(({ input, samples: own }) => ({
      own,
      shape: input.shape,
      data: [...input.data],
    }));

  it('of a rung is run as it is', () => {
    const batch = batchOf(2);
    const [piece] = onRungs(batch, [1, 2, 4]);
    expect(piece?.input).toBe(batch);
  });

  it('between two rungs is filled up with its last sample', () => {
    expect(piecesOf(3)).toEqual([{ own: 3, shape: [4, 2], data: [0, 0, 1, 1, 2, 2, 2, 2] }]);
  });

  it('above the largest is cut', () => {
    expect(piecesOf(7)).toEqual([
      { own: 4, shape: [4, 2], data: [0, 0, 1, 1, 2, 2, 3, 3] },
      { own: 3, shape: [4, 2], data: [4, 4, 5, 5, 6, 6, 6, 6] },
    ]);
  });
});

describe('an encoder on rungs', () => {
  /** A session that gives each sample's first value, times ten. It is never to see another size than its own. */
  const session = (rung: number, seen: number[]) =>
    ({
      async run({ rgb }: Record<string, Tensor>) {
        seen.push(rung);
        expect(rgb?.dims).toEqual([rung, 2]);
        const map = Float32Array.from({ length: rung }, (_, row) => 10 * Number(rgb?.data[2 * row]));
        return { map: new Tensor('float32', map, [rung, 1]) };
      },
      release: async () => {},
    }) as unknown as InferenceSession;

  it.each([
    [1, [1]],
    [3, [4]],
    [4, [4]],
    [7, [4, 4]],
    [9, [4, 4, 1]],
  ])('answers %i samples by sessions for %j, one row a sample', async (samples, sizes) => {
    const seen: number[] = [];
    const encoder = encoderOnRungs('rgb', new Map([1, 2, 4].map((rung) => [rung, session(rung, seen)])));
    const { map } = await encoder.run(batchOf(samples));
    const expected = Array.from({ length: samples }, (_, row) => 10 * row);
    expect([...((map?.data ?? []) as Float32Array)].slice(0, samples)).toEqual(expected);
    expect(seen).toEqual(sizes);
  });
});
