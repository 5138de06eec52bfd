// The self-test: a runtime must answer the bundle's golden inputs as the trainer did, or it gets no work.
import type { BatchAnswer, BatchTensor, BranchCall } from '../worker/protocol.js';
import type { Bundle } from './bundle.js';
import { readVerified } from './integrity.js';
import { type Manifest, type ModalitySpec, sampleCount } from './manifest.js';
import { type NpyArray, parseNpy } from './npy.js';

/** Wide enough for another instruction set or a GPU's fast arithmetic, far below what moves a verdict. */
const TOLERANCE = 1e-3;
/** Of a bundle in half precision, where kernels round in other places: `branchline-train verify` allows as much. */
const FP16_TOLERANCE = 0.02; // measured: docs/decisions/0027

export interface GoldenVectors {
  readonly model: string;
  /** The largest difference of a score or a map's value from what is expected. */
  readonly tolerance: number;
  /** By modality, axis 0 is N. */
  readonly inputs: Readonly<Record<string, NpyArray>>;
  readonly expected: readonly {
    readonly branch: string;
    readonly modalities: readonly string[];
    readonly score: readonly number[]; // (N,)
    readonly map: NpyArray; // (N, h, w)
  }[];
}

/** Throws an Error of one line where a file is not what the manifest says. */
export async function readGolden(bundle: Bundle): Promise<GoldenVectors> {
  const { golden, branches, encoders } = bundle.manifest;
  const read = async (entry: { file: string; sha256: string }): Promise<NpyArray> => {
    const bytes = await readVerified(bundle.directory, entry);
    try {
      return parseNpy(bytes);
    } catch (cause) {
      throw new Error(`${bundle.directory}/${entry.file} ${(cause as Error).message}`, { cause });
    }
  };
  const inputs: Record<string, NpyArray> = {};
  for (const input of golden.inputs) {
    const array = await read(input);
    assertDecoded(`${bundle.directory}/${input.file}`, array, bundle.manifest, input.modality);
    inputs[input.modality] = array;
  }
  const modalitiesOf = new Map(branches.map((branch) => [branch.id, branch.modalities]));
  const expected = [];
  for (const { branch, score, map } of golden.expected)
    expected.push({ branch, modalities: modalitiesOf.get(branch) ?? [], score, map: await read(map) });
  const half = encoders.some(({ precision }) => precision === 'fp16');
  return { model: bundle.key, tolerance: half ? FP16_TOLERANCE : TOLERANCE, inputs, expected };
}

/** What the encoders were proved on must be what captures are decoded to. Throws an Error naming both shapes. */
function assertDecoded(path: string, { shape }: NpyArray, { modalities }: Manifest, modality: string): void {
  const spec = modalities.find(({ name }) => name === modality);
  if (spec === undefined) throw new Error(`${path} is of "${modality}", which is no modality of the bundle`);
  const decoded = decodedShape(spec).join();
  const found = shape.slice(1).join();
  if (found !== decoded)
    throw new Error(
      `${path} holds samples of shape (${found}), but the manifest decodes "${modality}" to (${decoded})`,
    );
}

/** Of one sample, as the tensor of a capture has it. */
function decodedShape(spec: ModalitySpec): readonly number[] {
  switch (spec.kind) {
    case 'image':
      return [spec.height, spec.width, spec.channels];
    case 'range':
      return [spec.height, spec.width, 1];
    case 'audio':
      return [sampleCount(spec)];
    default:
      return spec satisfies never;
  }
}

/**
 * Runs every golden branch, all at once: they share their inputs. A run is given `atOnce` samples at most, as many as
 * captures are: a session keeps the memory that its largest run took. `run` gives one outcome a call, in their order.
 * Throws an Error naming the first branch that answers otherwise.
 */
export async function selfTest(
  golden: GoldenVectors,
  atOnce: number,
  run: (calls: readonly BranchCall[]) => Promise<readonly (BatchAnswer | Error)[]>,
): Promise<void> {
  const samples = Math.max(...Object.values(golden.inputs).map(({ shape }) => shape[0] ?? 0));
  for (let from = 0; from < samples; from += atOnce)
    await prove(rowsOf(golden, from, Math.min(samples, from + atOnce)), run);
}

async function prove(
  golden: GoldenVectors,
  run: (calls: readonly BranchCall[]) => Promise<readonly (BatchAnswer | Error)[]>,
): Promise<void> {
  const { model, tolerance, expected } = golden;
  const outcomes = await run(
    expected.map(({ branch, modalities }) => ({
      model,
      branch,
      inputs: Object.fromEntries(modalities.map((name) => [name, inputOf(golden, name)])),
    })),
  );
  for (const [at, { branch, score, map }] of expected.entries()) {
    const answer = outcomes[at];
    if (answer === undefined || 'message' in answer)
      throw new Error(
        `${model}, branch "${branch}" fails its self-test: ${oneLine(answer?.message ?? 'no answer')}`,
        { cause: answer },
      );
    const deviation = Math.max(largest(answer.score, score), largest(answer.map.values, map.data));
    if (!(deviation <= tolerance))
      throw new Error(
        `${model}, branch "${branch}" fails its self-test: it is off by ${deviation.toPrecision(2)} ` +
          `from the bundle's golden answer (allowed: ${tolerance}); this provider or the bundle cannot be trusted`,
      );
  }
}

/** Some of the samples of every input, and what is expected of them. */
function rowsOf(golden: GoldenVectors, from: number, to: number): GoldenVectors {
  const inputs = Object.entries(golden.inputs).map(([name, input]) => [name, rows(input, from, to)] as const);
  const expected = golden.expected.map((branch) => ({
    ...branch,
    score: branch.score.slice(from, to),
    map: rows(branch.map, from, to),
  }));
  return { ...golden, inputs: Object.fromEntries(inputs), expected };
}

/** Along axis 0; a copy, since what goes to a worker takes all of its buffer along. */
function rows(array: NpyArray, from: number, to: number): NpyArray {
  const [all = 0, ...sample] = array.shape;
  const size = array.data.length / all;
  const data = array.data.slice(from * size, to * size);
  return { ...array, shape: [data.length / size, ...sample], data } as NpyArray;
}

/**
 * Runs every encoder once on each number of samples, made of its golden input over and over: what follows finds nothing
 * new. `run` gives one outcome a call. Throws an Error naming the branch that does not run.
 */
export async function warmUp(
  golden: GoldenVectors,
  sizes: readonly number[],
  run: (calls: readonly BranchCall[]) => Promise<readonly (BatchAnswer | Error)[]>,
): Promise<void> {
  const { model } = golden;
  for (const { branch, modalities } of coveringBranches(golden))
    for (const samples of sizes) {
      const inputs = modalities.map((name) => [name, repeated(inputOf(golden, name), samples)] as const);
      const [outcome] = await run([{ model, branch, inputs: Object.fromEntries(inputs) }]);
      if (outcome === undefined || 'message' in outcome)
        throw new Error(
          `${model}, branch "${branch}" does not run with a batch of ${samples}: ` +
            `${oneLine(outcome?.message ?? 'no answer')}; a smaller MAX_BATCH may`,
          { cause: outcome },
        );
    }
}

/** As few as are needed, largest first, to have every modality that any branch has. */
function coveringBranches({ expected }: GoldenVectors): GoldenVectors['expected'][number][] {
  const covered = new Set<string>();
  return expected
    .toSorted((one, other) => other.modalities.length - one.modalities.length)
    .filter(({ modalities }) => {
      const adds = modalities.some((name) => !covered.has(name));
      for (const name of modalities) covered.add(name);
      return adds;
    });
}

/** Its samples in turn until there are so many. */
function repeated(input: BatchTensor, samples: number): BatchTensor {
  const [own = 0, ...sample] = input.shape;
  const size = input.data.length / own;
  const data = input.dtype === 'uint8' ? new Uint8Array(samples * size) : new Float32Array(samples * size);
  for (let row = 0; row < samples; row++)
    data.set(input.data.subarray((row % own) * size, ((row % own) + 1) * size), row * size);
  return { ...input, shape: [samples, ...sample], data } as BatchTensor;
}

/** ONNX Runtime's messages may have several. */
function oneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/g, ' ');
}

function inputOf(golden: GoldenVectors, modality: string): BatchTensor {
  const input = golden.inputs[modality];
  if (input === undefined) throw new Error(`${golden.model} has no golden input for "${modality}"`);
  return input;
}

/** The largest absolute difference; Infinity where the lengths differ, NaN where a value is NaN. */
function largest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < expected.length; i++)
    worst = Math.max(worst, Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)));
  return worst;
}
