// One encoder as it is run: one session for every size of batch, or one a size where each change of size costs a search.
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { BatchTensor } from './protocol.js';
import { onRungs } from './rungs.js';

/** By name; axis 0 is at least the samples asked for. */
export type OutputMap = Readonly<Record<string, Tensor>>;

export interface Encoder {
  run(input: BatchTensor): Promise<OutputMap>;
  release(): Promise<void>;
}

export function anySizeEncoder(modality: string, session: InferenceSession): Encoder {
  return { run: (input) => runOn(session, modality, input), release: () => session.release() };
}

/** By rung, from the smallest to the largest. */
export function encoderOnRungs(modality: string, sessions: ReadonlyMap<number, InferenceSession>): Encoder {
  const rungs = [...sessions.keys()];
  return {
    async run(input) {
      const parts: { outputs: OutputMap; samples: number }[] = [];
      for (const { input: piece, samples } of onRungs(input, rungs)) {
        const session = sessions.get(piece.shape[0] ?? 0);
        if (session === undefined) throw new Error(`no session for a batch of ${piece.shape[0]}`);
        parts.push({ outputs: await runOn(session, modality, piece), samples });
      }
      const [first] = parts;
      return parts.length === 1 && first !== undefined ? first.outputs : joined(parts);
    },
    async release() {
      for (const session of sessions.values()) await session.release();
    },
  };
}

async function runOn(
  session: InferenceSession,
  modality: string,
  { dtype, data, shape }: BatchTensor,
): Promise<OutputMap> {
  const tensor = dtype === 'uint8' ? new Tensor('uint8', data, shape) : new Tensor('float32', data, shape);
  return (await session.run({ [modality]: tensor })) as OutputMap;
}

/** One after the other along axis 0, without what only filled up. */
function joined(parts: readonly { outputs: OutputMap; samples: number }[]): OutputMap {
  const all = parts.reduce((sum, { samples }) => sum + samples, 0);
  return Object.fromEntries(
    Object.entries(parts[0]?.outputs ?? {}).map(([name, { dims }]) => {
      const size = dims.slice(1).reduce((product, length) => product * length, 1);
      const data = new Float32Array(all * size);
      let row = 0;
      for (const { outputs, samples } of parts) {
        const { data: own } = outputs[name] as Tensor;
        data.set((own as Float32Array).subarray(0, samples * size), row * size);
        row += samples;
      }
      return [name, new Tensor('float32', data, [all, ...dims.slice(1)])];
    }),
  );
}
