// Runs branches on ONNX Runtime: encoders, then the head, wired by name. With encoder.ts, the only importer of onnxruntime-node.
import './ort-environment.js';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { pick, type Rows, toAnswer } from './answer.js';
import { assemble, type EncoderBatch, type HeadBatch, samplesOf } from './batch.js';
import { anySizeEncoder, type Encoder, encoderOnRungs, type OutputMap } from './encoder.js';
import type { BatchAnswer, BranchCall, GraphTime, SessionOptions, WorkerModel } from './protocol.js';
import { hasRungs, rungsUpTo } from './rungs.js';

const HEAD_OUTPUTS = ['score', 'map', 'modality_score', 'modality_weight'];
const MODALITY_MAP = 'map';

type Device = Pick<SessionOptions, 'deviceId' | 'intraOpThreads' | 'maxBatch'>;

interface TensorNames {
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly name: string }[];
}

interface Branch {
  readonly modalities: readonly string[];
  readonly head: InferenceSession;
}

export interface ModelRun {
  readonly answers: readonly BatchAnswer[];
  readonly graphs: readonly GraphTime[];
}

interface Encoded {
  readonly outputs: OutputMap;
  readonly firstRow: EncoderBatch['firstRow'];
}

/** One bundle, open on one execution provider. */
export class ModelSession {
  private constructor(
    readonly key: string,
    private readonly encoders: ReadonlyMap<string, Encoder>,
    private readonly branches: ReadonlyMap<string, Branch>,
  ) {}

  /** Throws where the provider cannot start, or a graph's own names are not the manifest's. */
  static async open(model: WorkerModel, provider: string, on: Device): Promise<ModelSession> {
    // What it logs it also throws; printed twice, the one line that says what to do would be lost.
    env.logLevel = 'fatal';
    const opened: InferenceSession[] = [];
    const open = async (what: string, onnx: Uint8Array, names: TensorNames) => {
      const graph = `${model.key}, ${what}`;
      const session = await createSession(graph, onnx, sessionOptions(provider, on));
      opened.push(session);
      assertNames(graph, session, names);
      return session;
    };
    try {
      const encoders = new Map<string, Encoder>();
      for (const { spec, onnx } of model.encoders) {
        const { modality } = spec;
        const openEncoder = () => open(`encoder "${modality}"`, onnx, spec);
        if (!hasRungs(provider)) encoders.set(modality, anySizeEncoder(modality, await openEncoder()));
        else {
          const onRungs = new Map<number, InferenceSession>();
          for (const rung of rungsUpTo(on.maxBatch)) onRungs.set(rung, await openEncoder());
          encoders.set(modality, encoderOnRungs(modality, onRungs));
        }
      }
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

  /**
   * One answer a call, in their order: each encoder runs once on the samples of all calls that carry its modality,
   * each head once on those of its branch. Throws where a branch is not of this model, an input is missing, or a
   * score or weight is not finite; then no call has an answer.
   */
  async run(calls: readonly BranchCall[]): Promise<ModelRun> {
    const startedMs = performance.now();
    const batch = assemble(calls, (id) => this.branch(id).modalities);
    const graphs: GraphTime[] = [];
    const encoded = new Map<string, Encoded>();
    for (const encoder of batch.encoders) {
      const { modality, samples, firstRow } = encoder;
      const outputs = await timed(graphs, { kind: 'encoder', name: modality, samples }, () =>
        this.encode(encoder),
      );
      encoded.set(modality, { outputs, firstRow });
    }
    const answers = new Map<BranchCall, Omit<BatchAnswer, 'runMs'>>();
    for (const head of batch.heads) await this.judge(head, encoded, graphs, answers);
    const runMs = performance.now() - startedMs;
    return { graphs, answers: calls.map((call) => ({ ...(answers.get(call) as BatchAnswer), runMs })) };
  }

  async release(): Promise<void> {
    for (const encoder of this.encoders.values()) await encoder.release();
    for (const { head } of this.branches.values()) await head.release();
  }

  private branch(id: string): Branch {
    const branch = this.branches.get(id);
    if (branch === undefined) throw new Error(`${this.key} has no branch "${id}"`);
    return branch;
  }

  private async encode({ modality, input }: EncoderBatch): Promise<OutputMap> {
    const encoder = this.encoders.get(modality);
    if (encoder === undefined) throw new Error(`${this.key} has no encoder "${modality}"`);
    return encoder.run(input);
  }

  private async judge(
    { branch: id, calls, samples }: HeadBatch,
    encoded: ReadonlyMap<string, Encoded>,
    graphs: GraphTime[],
    answers: Map<BranchCall, Omit<BatchAnswer, 'runMs'>>,
  ): Promise<void> {
    const { modalities, head } = this.branch(id);
    const evidence: Record<string, Tensor> = {};
    for (const modality of modalities) {
      const { outputs, firstRow } = encoded.get(modality) as Encoded;
      const rows = { from: firstRow.get(calls[0] as BranchCall) ?? 0, samples };
      for (const [name, tensor] of Object.entries(outputs))
        evidence[`${modality}.${name}`] = piece(tensor, rows);
    }
    const feeds = Object.fromEntries(head.inputNames.map((name) => [name, pick(evidence, name)]));
    const outputs = (await timed(graphs, { kind: 'head', name: id, samples }, () =>
      head.run(feeds),
    )) as OutputMap;
    let from = 0;
    for (const call of calls) {
      const rows = { from, samples: samplesOf(call) };
      answers.set(call, toAnswer(modalities, outputs, evidence, rows));
      from += rows.samples;
    }
  }
}

async function timed<T>(
  graphs: GraphTime[],
  graph: Omit<GraphTime, 'ms'>,
  run: () => Promise<T>,
): Promise<T> {
  const startedMs = performance.now();
  const outputs = await run();
  graphs.push({ ...graph, ms: performance.now() - startedMs });
  return outputs;
}

/** Samples of axis 0, as a view. */
function piece(tensor: Tensor, { from, samples }: Rows): Tensor {
  const [all = 0, ...sample] = tensor.dims;
  if (samples === all) return tensor;
  const size = sample.reduce((product, length) => product * length, 1);
  const data = (tensor.data as Float32Array).subarray(from * size, (from + samples) * size);
  return new Tensor(tensor.type as 'float32', data, [samples, ...sample]);
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

/** Of its options ONNX Runtime's Node binding passes on the device alone. */
function sessionOptions(
  provider: string,
  { deviceId, intraOpThreads }: Device,
): InferenceSession.SessionOptions {
  return {
    executionProviders: [withDevice(provider, deviceId)],
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    // An arena would keep for each graph what its largest run took: 400 MB more, and no faster than without (measured),
    // as long as a run takes its memory in one piece: allocated piece by piece it takes 5 % longer.
    enableCpuMemArena: false,
    enableMemPattern: true,
    // A spinning pool keeps its core busy between captures: without it 40 % less idle CPU, measured.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

function withDevice(
  provider: string,
  deviceId: number | undefined,
): InferenceSession.ExecutionProviderConfig {
  switch (provider) {
    case 'cuda':
    case 'tensorrt':
    case 'dml':
      return deviceId === undefined ? provider : { name: provider, deviceId };
    default:
      return provider;
  }
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
