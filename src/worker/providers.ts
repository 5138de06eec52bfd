// Opens every model on the first execution provider that works, and says why the others did not.
import type { ProviderReport, SessionOptions, WorkerModel } from './protocol.js';
import { ModelSession } from './session.js';

type Device = Omit<SessionOptions, 'providers' | 'policy'>;

export interface OpenModels {
  readonly sessions: ReadonlyMap<string, ModelSession>;
  readonly provider: ProviderReport;
}

const ADVICE: Readonly<Record<string, string>> = {
  cuda:
    'CUDA needs an NVIDIA driver, CUDA 12 with cuDNN 9, and the CUDA build of ONNX Runtime: on a machine with ' +
    'internet run "node node_modules/onnxruntime-node/script/install --onnxruntime-node-install=cuda12"; for ' +
    'CUDA 13 and without internet see docs/gpu.md',
  tensorrt:
    'TensorRT needs what CUDA needs, and the TensorRT libraries: on a machine with internet run ' +
    '"node node_modules/onnxruntime-node/script/install --onnxruntime-node-install=cuda12"',
  webgpu:
    'WebGPU needs a GPU with a Vulkan driver (Debian: libvulkan1), 16-bit shaders where the bundle is in fp16, and ' +
    'XDG_RUNTIME_DIR set',
  dml: 'DirectML is part of ONNX Runtime for Windows alone',
  coreml: 'Core ML is part of ONNX Runtime for macOS alone',
};

/** Throws an Error of one line naming the provider, what is missing and how to get it. */
export async function openModels(
  models: readonly WorkerModel[],
  { providers, policy, ...device }: SessionOptions,
): Promise<OpenModels> {
  const refused: { provider: string; why: string }[] = [];
  for (const provider of providers) {
    try {
      const sessions = await openAll(models, provider, device);
      return { sessions, provider: { active: provider, refused } };
    } catch (error) {
      refused.push({ provider, why: firstLine((error as Error).message) });
      if (policy === 'strict') break;
    }
  }
  throw new Error(refused.map(explain).join(' | '));
}

async function openAll(models: readonly WorkerModel[], provider: string, device: Device) {
  const sessions = new Map<string, ModelSession>();
  try {
    for (const model of models) sessions.set(model.key, await ModelSession.open(model, provider, device));
    return sessions;
  } catch (error) {
    for (const session of sessions.values()) await session.release();
    throw error;
  }
}

function explain({ provider, why }: { provider: string; why: string }): string {
  const advice = ADVICE[provider];
  if (advice === undefined) return `provider ${provider}: ${why}`;
  return `provider ${provider} does not start: ${why}. ${advice}; or set PROVIDER_POLICY=fallback with EXECUTION_PROVIDERS=${provider},cpu`;
}

function firstLine(message: string): string {
  return message.split('\n')[0]?.trim() ?? message;
}
