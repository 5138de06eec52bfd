// Runs branches on ONNX Runtime: encoders, then the head, wired by name. The only importer of onnxruntime-node.
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import type { BatchAnswer, BatchInputs, BatchMap, BatchTensor, WorkerModel } from './protocol.js';

const HEAD_OUTPUTS = ['score', 'map', 'modality_score', 'modality_weight'];
const MODALITY_MAP = 'map';

type OutputMap = Readonly<Record<string, Tensor>>;

interface TensorNames {
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly name: string }[];
}

interface Branch {
  readonly modalities: readonly string[];
  readonly head: InferenceSession;
}

/** One bundle, open on one execution provider. */
export class ModelSession {
  private constructor(
    readonly key: string,
    private readonly encoders: ReadonlyMap<string, InferenceSession>,
    private readonly branches: ReadonlyMap<string, Branch>,
  ) {}

  /** Throws where the provider cannot start, or a graph's own names are not the manifest's. */
  static async open(model: WorkerModel, provider: string, intraOpThreads: number): Promise<ModelSession> {
    // What it logs it also throws; printed twice, the one line that says what to do would be lost.
    env.logLevel = 'fatal';
    const opened: InferenceSession[] = [];
    const open = async (what: string, onnx: Uint8Array, names: TensorNames) => {
      const graph = `${model.key}, ${what}`;
      const session = await createSession(graph, onnx, sessionOptions(provider, intraOpThreads));
      opened.push(session);
      assertNames(graph, session, names);
      return session;
    };
    try {
      const encoders = new Map<string, InferenceSession>();
      for (const { spec, onnx } of model.encoders)
        encoders.set(spec.modality, await open(`encoder "${spec.modality}"`, onnx, spec));
      const branches = new Map<string, Branch>();
      for (const { spec, onnx } of model.branches)
        branches.set(spec.id, {
          modalities: spec.modalities,
          head: await open(`head "${spec.id}"`, onnx, spec.head),
        });
      return new ModelSession(model.key, encoders, branches);
    } catch (error) {
      for (const session of opened) await session.release();
      throw error;
    }
  }

  /** Throws where the branch is not of this model, or a score or weight of the answer is not finite. */
  async run(branchId: string, inputs: BatchInputs): Promise<BatchAnswer> {
    const branch = this.branches.get(branchId);
    if (branch === undefined) throw new Error(`${this.key} has no branch "${branchId}"`);
    const startedMs = performance.now();
    const evidence: Record<string, Tensor> = {};
    for (const modality of branch.modalities)
      for (const [name, tensor] of Object.entries(await this.encode(modality, inputs[modality])))
        evidence[`${modality}.${name}`] = tensor;
    const feeds = Object.fromEntries(branch.head.inputNames.map((name) => [name, pick(evidence, name)]));
    const outputs = (await branch.head.run(feeds)) as OutputMap;
    return toAnswer(branch, outputs, evidence, performance.now() - startedMs);
  }

  async release(): Promise<void> {
    for (const session of this.encoders.values()) await session.release();
    for (const { head } of this.branches.values()) await head.release();
  }

  private async encode(modality: string, input: BatchTensor | undefined): Promise<OutputMap> {
    const encoder = this.encoders.get(modality);
    if (encoder === undefined || input === undefined)
      throw new Error(`${this.key}: nothing to feed encoder "${modality}" with`);
    return (await encoder.run({ [modality]: toTensor(input) })) as OutputMap;
  }
}

async function createSession(
  graph: string,
  onnx: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(onnx, options);
  } catch (cause) {
    throw new Error(`${graph}: ${(cause as Error).message}`, { cause });
  }
}

function sessionOptions(provider: string, intraOpThreads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    // A spinning pool keeps its core busy between captures: without it 40 % less idle CPU, measured.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

function assertNames(what: string, session: InferenceSession, names: TensorNames): void {
  const differ = (own: readonly string[], said: readonly { name: string }[]) =>
    [...own].sort().join() !==
    said
      .map(({ name }) => name)
      .sort()
      .join();
  if (differ(session.inputNames, names.inputs))
    throw new Error(`${what}: the graph takes ${session.inputNames}, the manifest says otherwise`);
  if (differ(session.outputNames, names.outputs))
    throw new Error(`${what}: the graph gives ${session.outputNames}, the manifest says otherwise`);
  const needed = session.inputNames.some((name) => name.includes('.')) ? HEAD_OUTPUTS : [MODALITY_MAP];
  for (const name of needed)
    if (!session.outputNames.includes(name)) throw new Error(`${what}: the graph gives no "${name}"`);
}

function toTensor(input: BatchTensor): Tensor {
  return input.dtype === 'uint8'
    ? new Tensor('uint8', input.data, input.shape)
    : new Tensor('float32', input.data, input.shape);
}

function toAnswer(branch: Branch, outputs: OutputMap, evidence: OutputMap, runMs: number): BatchAnswer {
  return {
    score: numbers(outputs, 'score', branch),
    map: toMap(outputs, 'map'),
    modalityScore: numbers(outputs, 'modality_score', branch),
    modalityWeight: numbers(outputs, 'modality_weight', branch),
    modalityMaps: Object.fromEntries(
      branch.modalities.map((name) => [name, toMap(evidence, `${name}.${MODALITY_MAP}`)]),
    ),
    runMs,
  };
}

function toMap(outputs: OutputMap, name: string): BatchMap {
  const [, height = 0, width = 0] = pick(outputs, name).dims; // (N, h, w)
  return { height, width, values: floats(outputs, name) };
}

/** What goes into the record as it is: JSON has no word for NaN, and the record could not be read back. */
function numbers(outputs: OutputMap, name: string, { modalities }: Branch): Float32Array {
  const values = floats(outputs, name);
  if (!values.every(Number.isFinite))
    throw new Error(`branch "${modalities.join('+')}" gave no number as "${name}"`);
  return values;
}

/** Copied: ONNX Runtime's own buffers may not be transferred to another thread. */
function floats(outputs: OutputMap, name: string): Float32Array {
  const { data } = pick(outputs, name);
  if (!(data instanceof Float32Array)) throw new Error(`"${name}" is not float32`);
  return data.slice();
}

function pick(outputs: OutputMap, name: string): Tensor {
  const tensor = outputs[name];
  if (tensor === undefined) throw new Error(`the graph gave no "${name}"`);
  return tensor;
}
