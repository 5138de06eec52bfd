// Asking the trainer, played by a script: what it is given, and what is made of what it answers.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { findTrainer, runTrainer } from '../../bench/trainer.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-trainer-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program that writes `answer` to the file behind --json, its arguments beside itself, and ends with `code`. */
async function aTrainer(answer: unknown, code = 0): Promise<string> {
  const path = join(folder, 'trainer');
  const script = `#!${process.execPath}
    const fs = require('node:fs');
    const args = process.argv.slice(2);
    fs.writeFileSync(${JSON.stringify(join(folder, 'args.json'))}, JSON.stringify(args));
    fs.writeFileSync(args[args.indexOf('--json') + 1], ${JSON.stringify(JSON.stringify(answer))});
    process.exit(${code});`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

const ANSWER = { imageAuroc: 0.9, scores: [{ label: 'good', id: '0', branch: 'rgb', score: 0.25 }] };
const files = new Map([
  ['depth', 'depth.png'],
  ['rgb', 'rgb.png'],
]);
const task = () => ({
  bundle: 'models/part/1',
  data: 'parts',
  plan: [{ label: 'good', id: '0', files, modalities: ['rgb'] }],
  folder,
});

it('hands over bundle, data and plan, and reads the answer', async () => {
  expect(await runTrainer(await aTrainer({ ...ANSWER, more: 1 }), task())).toEqual(ANSWER);
  const args: string[] = JSON.parse(await readFile(join(folder, 'args.json'), 'utf8'));
  expect(args.slice(0, 4)).toEqual(['evaluate', 'models/part/1', 'parts', '--captures']);
  const plan = JSON.parse(await readFile(args[4] ?? '', 'utf8'));
  expect(plan).toEqual({ captures: [{ label: 'good', id: '0', modalities: ['rgb'] }] });
});

it('says so where the trainer fails, cannot be run, or answers something else', async () => {
  await expect(runTrainer(await aTrainer(ANSWER, 3), task())).rejects.toThrow('exit code 3');
  await expect(runTrainer(await aTrainer({ scores: [] }), task())).rejects.toThrow('imageAuroc');
  await expect(runTrainer(folder, task())).rejects.toThrow(`${folder} cannot be run`);
});

it('finds a given trainer, or says that it is not there', async () => {
  const trainer = await aTrainer(ANSWER);
  expect(await findTrainer(trainer)).toBe(trainer);
  await expect(findTrainer(join(folder, 'none'))).rejects.toThrow('--trainer: there is no');
});
