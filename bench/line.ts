// `npm run line`: a simulated shift on the real service, and a balance of every part at its end.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './command-line.js';
import { abortWhenInterrupted } from './interruption.js';
import { balance, balanceReport } from './line/balance.js';
import { HELP, type LineOptions, parseLineOptions } from './line/options.js';
import { startPlant } from './line/plant.js';
import { type Shift, workShift } from './line/shift.js';
import { joinTarget } from './line/target.js';

async function main(): Promise<number> {
  const options = parseLineOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const interrupted = abortWhenInterrupted();
  const folder = await mkdtemp(join(tmpdir(), 'branchline-line-'));
  try {
    return await simulate(options, folder, interrupted);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function simulate(options: LineOptions, folder: string, interrupted: AbortSignal): Promise<number> {
  const { stations, taktMs, seconds, store, seed, target } = options;
  const where = target ?? store;
  print(`${stations} stations, a part each ${taktMs} ms, for ${seconds} s, on ${where}; seed ${seed}.`);
  const plant = target === undefined ? await startPlant(options, folder) : undefined;
  try {
    const site = plant ?? (await joinTarget(String(target), options));
    const shift = await workShift(options, site, plant, interrupted, print);
    interrupted.throwIfAborted();
    print(`\n${summary(shift)}\n`);
    const result = balance(shift.books);
    print(balanceReport(result));
    return result.differences.length === 0 ? 0 : 1;
  } finally {
    await plant?.stop();
  }
}

function summary({ counts, traffic, revisions }: Shift): string {
  return [
    `sent as         ${counts.bySync} sync, ${counts.byAsync} async, ${counts.byPieces} in pieces`,
    `sensors         ${counts.frozen} parts with a frozen one, ${counts.late} with a late one, ${revisions} inspections revised`,
    `sent twice      ${counts.twins} parts; ${counts.replayed} answers were those given before`,
    `network         ${traffic.requests} requests, ${traffic.refused} refused for now, ${traffic.broken} broken`,
    `store away      ${counts.unstored} verdicts left before they were stored`,
  ].join('\n');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

await runProgram('line', main);
