// What a benchmark runs the graphs on: as the service is told, by EXECUTION_PROVIDERS.
import { spawnSync } from 'node:child_process';

/** What the service, its peers and bare ONNX Runtime need of the environment to find a GPU. */
const FOR_A_GPU = [
  ...['EXECUTION_PROVIDERS', 'LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES'],
  ...['VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'XDG_RUNTIME_DIR'],
];

/** The first of those asked for. */
export function providerOf(env: NodeJS.ProcessEnv): string {
  return env.EXECUTION_PROVIDERS?.split(',')[0]?.trim() || 'cpu';
}

export function environmentOfGpu(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    FOR_A_GPU.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

/** As its driver names it; the provider alone where that cannot be told. */
export function describeProvider(provider: string): string {
  if (provider !== 'cuda' && provider !== 'tensorrt') return provider;
  const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
  const { stdout, status } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  const [name, driver] = (stdout ?? '').split('\n')[0]?.split(', ') ?? [];
  return status === 0 ? `${provider} on one ${name}, driver ${driver}` : provider;
}
