// `npm run bench:feed`: whether the feed stays fast with a million inspections in the embedded store.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram, UsageError, wholeNumberIn } from './command-line.js';
import { measureFeed } from './feed/measure.js';
import { pageOf, rowsOf, textOf } from './feed/report.js';
import { abortWhenInterrupted } from './interruption.js';
import { describeMachine } from './performance/machine.js';

const HELP = `npm run bench:feed -- [options]

Fills an embedded store, kills its writer, opens it again and reads in the middle; prints a table with the bounds and
writes it to docs/performance-feed.md. A million records take some minutes and about 2 GiB under var/bench, which are
given back. The exit code is 1 where a bound is not kept.

  --records N   inspections to store (1000000; rounded up to whole ten thousands)
  --out FILE    where the page goes (docs/performance-feed.md)
  --help        this
`;

/** The exit code. */
async function main(): Promise<number> {
  const options = parse(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const machine = await describeMachine('cpu');
  await mkdir(join('var', 'bench'), { recursive: true });
  const folder = await mkdtemp(join('var', 'bench', 'feed-'));
  try {
    const figures = await measureFeed(folder, options.records, abortWhenInterrupted());
    process.stdout.write(`${textOf(figures)}\n`);
    await mkdir(dirname(options.out), { recursive: true });
    await writeFile(options.out, pageOf(figures, machine, await lmdbVersion()));
    return rowsOf(figures).some(({ isKept }) => isKept === false) ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parse(args: string[]): 'help' | { readonly records: number; readonly out: string } {
  const { values } = parsed(args);
  if (values.help) return 'help';
  return { records: wholeNumberIn('records', values.records, 10_000, 100_000_000), out: values.out };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        records: { type: 'string', default: '1000000' },
        out: { type: 'string', default: join('docs', 'performance-feed.md') },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** It is pinned, and the package does not export its own package.json. */
async function lmdbVersion(): Promise<string> {
  const { dependencies } = JSON.parse(await readFile('package.json', 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return dependencies.lmdb ?? 'unknown';
}

await runProgram('bench:feed', main);
