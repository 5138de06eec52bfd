// Asks the trainer what it says of the same bundle, data and subsets.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type PlannedCapture, planJson } from './plan.js';

const evaluationSchema = z.object({
  imageAuroc: z.number().nullable(),
  scores: z.array(z.object({ label: z.string(), id: z.string(), branch: z.string(), score: z.number() })),
});
export type TrainerEvaluation = z.infer<typeof evaluationSchema>;

const COMMAND = 'branchline-train';
/** Where `npm test` and the documentation put the trainer. */
const IN_REPOSITORY = fileURLToPath(new URL(`../../training/.venv/bin/${COMMAND}`, import.meta.url));

/** The trainer's path: the given one, the repository's, or the one on PATH; undefined where there is none. */
export async function findTrainer(given: string | undefined): Promise<string | undefined> {
  if (given !== undefined) {
    if (await exists(given)) return given;
    throw new Error(`--trainer: there is no ${given}.`);
  }
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, COMMAND));
  for (const candidate of [IN_REPOSITORY, ...onPath]) if (await exists(candidate)) return candidate;
  return undefined;
}

export interface TrainerTask {
  readonly bundle: string;
  readonly data: string;
  readonly plan: readonly PlannedCapture[];
  /** An existing folder for the plan and the answer. */
  readonly folder: string;
}

/** Throws an Error of one line where the trainer fails or answers something else. */
export async function runTrainer(trainer: string, task: TrainerTask): Promise<TrainerEvaluation> {
  const planFile = join(task.folder, 'plan.json');
  const answerFile = join(task.folder, 'trainer.json');
  await writeFile(planFile, planJson(task.plan));
  const options = ['--captures', planFile, '--json', answerFile];
  const child = spawn(trainer, ['evaluate', task.bundle, task.data, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit').catch((cause: Error) => {
    throw new Error(`${trainer} cannot be run: ${cause.message}.`, { cause });
  });
  if (code !== 0)
    throw new Error(`${trainer} evaluate ended with exit code ${code}; its message stands above.`);
  const parsed = evaluationSchema.safeParse(JSON.parse(await readFile(answerFile, 'utf8')));
  if (!parsed.success)
    throw new Error(
      `${trainer} evaluate wrote another answer than expected: ${z.prettifyError(parsed.error)}`,
    );
  return parsed.data;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
