// What a measurement was made on.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { peersVersions } from '../contenders/python.js';
import { describeProvider } from '../provider.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  /** What the graphs run on. */
  readonly provider: string;
  readonly versions: readonly string[];
  /** At the start, over one minute: other work on the machine shows here. */
  readonly loadAverage: number;
  readonly date: string;
}

export async function describeMachine(provider: string): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: totalmem() / 1024 ** 3,
    system: `${platform()} ${release()} ${arch()}`,
    provider: describeProvider(provider),
    versions: [
      `Node ${process.versions.node}`,
      ...(await Promise.all(['onnxruntime-node', 'fastify', 'sharp'].map(versionOf))),
      ...(await peersVersions()).map((requirement) => requirement.replace('==', ' ')),
    ],
    loadAverage: loadavg()[0] ?? 0,
    date: new Date().toISOString(),
  };
}

/** Read from its package.json, which some packages do not export. */
async function versionOf(name: string): Promise<string> {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const folder of folders) {
    const text = await readFile(`${folder}/${name}/package.json`, 'utf8').catch(() => undefined);
    if (text !== undefined) return `${name} ${(JSON.parse(text) as { version: string }).version}`;
  }
  return `${name} unknown`;
}
