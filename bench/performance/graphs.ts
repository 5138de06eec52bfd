// The single-graph files of a bundle's branches, written by the trainer on first use and kept under var/.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findTrainer } from '../trainer.js';

/** The folder of `<branch id>.onnx`. Throws an Error of one line where there is no trainer or it fails. */
export async function singleGraphs(bundle: string, folder: string, trainer?: string): Promise<string> {
  const graphs = resolve(folder);
  const stamp = join(graphs, 'manifest.sha256');
  const manifest = await readFile(join(bundle, 'manifest.json')).catch((cause: unknown) => {
    throw new Error(`${bundle}/manifest.json cannot be read: run this from the root of the repository.`, {
      cause,
    });
  });
  const wanted = createHash('sha256').update(manifest).digest('hex');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return graphs;
  const command = await findTrainer(trainer);
  if (command === undefined)
    throw new Error(
      'branchline-train writes the single-graph files, and is neither in training/.venv nor on PATH: ' +
        'run "npm run trainer" once, or name it with --trainer.',
    );
  await rm(graphs, { recursive: true, force: true });
  const child = spawn(command, ['export', '--quiet', '--single-file', bundle, graphs], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit').catch((cause: Error) => {
    throw new Error(`${command} cannot be run: ${cause.message}.`, { cause });
  });
  if (code !== 0) throw new Error(`${command} export ended with exit code ${code}.`);
  await writeFile(stamp, wanted);
  return graphs;
}
