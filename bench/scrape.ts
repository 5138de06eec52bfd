// `npm run bench:scrape`: how large a scrape of /metrics becomes, and how long the event loop makes it.
import { parseArgs } from 'node:util';
import { runProgram, wholeNumberIn } from './command-line.js';
import { fullMetrics } from './scrape/full-metrics.js';
import { percentile } from './statistics.js';

const HELP = `npm run bench:scrape [-- options]

Fills the service's metrics with every label they can have and takes scrapes of them, as GET /metrics does. Times are of
the process alone, without a network; those of the CPU also hold where the machine does other things.

  --lines N    lines with a series of their own, 1 to 50; 50
  --scrapes N  after five that are not counted, while the compiler warms up; 100
`;
const WARM_UP = 5;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      lines: { type: 'string', default: '50' },
      scrapes: { type: 'string', default: '100' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const lines = wholeNumberIn('lines', values.lines, 1, 50);
  const scrapes = wholeNumberIn('scrapes', values.scrapes, 1, 100_000);
  const metrics = fullMetrics(lines);
  const tookMs: number[] = [];
  let page = '';
  let cpu = process.cpuUsage();
  for (let at = -WARM_UP; at < scrapes; at++) {
    if (at === 0) cpu = process.cpuUsage();
    const startedMs = performance.now();
    page = await metrics.scrape();
    if (at >= 0) tookMs.push(performance.now() - startedMs);
  }
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = ((user + system) / 1000 / scrapes).toFixed(1);
  const series = page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  const [median, p95] = [percentile(tookMs, 0.5), percentile(tookMs, 0.95)].map((ms) => ms.toFixed(1));
  process.stdout.write(
    `${lines} lines: ${series} series, ${Buffer.byteLength(page)} bytes, ` +
      `${median} ms a scrape (median), ${p95} ms (p95), ${cpuMs} ms of CPU\n`,
  );
  return 0;
}

await runProgram('bench:scrape', main);
