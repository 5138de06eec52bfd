// `npm run dashboards:check`: a real Prometheus scrapes the service under traffic and answers every panel's query.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type ChildServer, freePort, startServer } from './child-server.js';
import { runProgram, wholeNumberIn } from './command-line.js';
import { fullPanels, readPanels } from './dashboards/panels.js';
import { playFor } from './dashboards/traffic.js';
import { startService } from './service.js';
import { textTable } from './table.js';

const HELP = `Asks every query of the Grafana dashboard of a real Prometheus that scraped the service under traffic.

  npm run dashboards:check                    two minutes of traffic
  npm run dashboards:check -- --seconds 60    60 to 3600

Starts the service on models/demo-part and a Prometheus with the chart's rules, plays the sample captures on three
lines, with sensors missing, late captures and broken files, and prints what each panel shows.
Needs Debian's package prometheus. Exit code 1 where a panel is empty or a query fails.
`;

const RULES = 'helm/branchline/files/rules.yaml';
const DASHBOARD = 'helm/branchline/files/dashboard.json';
const SCRAPE_EVERY = '3s';
const COLUMNS = [{ title: 'panel' }, { title: 'series', align: 'right' }, { title: 'fault' }] as const;

await runProgram('dashboards:check', async () => {
  const { seconds, help } = parseArgs({
    options: { seconds: { type: 'string', default: '120' }, help: { type: 'boolean', default: false } },
  }).values;
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const playSeconds = wholeNumberIn('seconds', seconds, 60, 3600);
  const folder = await mkdtemp(join(tmpdir(), 'branchline-dashboards-'));
  try {
    return await check(folder, playSeconds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** The exit code. */
async function check(folder: string, playSeconds: number): Promise<number> {
  const panels = await readPanels(DASHBOARD);
  const service = await startService({
    modelsDir: 'models',
    model: 'demo-part@3',
    storePath: join(folder, 'store'),
    logFile: join(folder, 'service.log'),
    port: await freePort(),
  });
  try {
    const prometheus = await startPrometheus(folder, new URL(service.url).host);
    try {
      process.stdout.write(`Playing captures for ${playSeconds} s …\n`);
      const sent = await playFor(service.url, 1000 * playSeconds);
      const shown = await fullPanels(prometheus.url, panels);
      const rows = shown.map(({ title, series, faults }) => [title, String(series), faults.join('; ')]);
      process.stdout.write(`${textTable(COLUMNS, rows)}\n\n`);
      const faulty = shown.filter(({ faults }) => faults.length > 0).length;
      process.stdout.write(
        `${sent} captures; ${shown.length} panels, ${faulty} of them empty or in error.\n`,
      );
      return faulty === 0 ? 0 : 1;
    } finally {
      await prometheus.stop();
    }
  } finally {
    await service.stop();
  }
}

async function startPrometheus(folder: string, target: string): Promise<ChildServer & { url: string }> {
  const config = {
    global: { scrape_interval: SCRAPE_EVERY, evaluation_interval: SCRAPE_EVERY },
    rule_files: [resolve(RULES)],
    scrape_configs: [{ job_name: 'branchline', static_configs: [{ targets: [target] }] }],
  };
  const configFile = join(folder, 'prometheus.json');
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config));
  await mkdir(join(folder, 'prometheus'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const server = await startServer({
    what: "Prometheus (Debian's package prometheus)",
    command: 'prometheus',
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      `--web.listen-address=${new URL(url).host}`,
    ],
    env: process.env,
    readyUrl: `${url}/-/ready`,
    logFile: join(folder, 'prometheus.log'),
  });
  return { ...server, url };
}
