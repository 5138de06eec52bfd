// `npm run audit:dependencies`: the licence of everything that is installed, and what the registry knows against it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { offenders, packagesOfLock, unneeded } from './licences.mjs';

const HELP = `npm run audit:dependencies [-- options]

Holds the licences of package-lock.json and of the trainer's environment to .ci/licences.json, then asks the registry for
known weaknesses of what the service runs on (npm audit --omit=dev). Exit code 1 where something is found, or could not
be looked up.

  --offline     licences alone
  --lock FILE   instead of package-lock.json
  --python FILE instead of training/.venv's
`;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { values } = parseArgs({
  options: {
    offline: { type: 'boolean' },
    lock: { type: 'string', default: here('../package-lock.json') },
    python: { type: 'string', default: here('../training/.venv/bin/python') },
    help: { type: 'boolean' },
  },
});
if (values.help) console.log(HELP);
else process.exitCode = [licences(), values.offline || weaknesses()].every(Boolean) ? 0 : 1;

function licences() {
  const ofNode = packagesOfLock(values.lock);
  const ofPython = existsSync(values.python) ? packagesOfPython() : undefined;
  const all = [...ofNode, ...(ofPython ?? [])];
  const bad = offenders(all);
  for (const { name, licence } of bad) console.log(`${name}: licence ${licence || 'not said'} is not on the list`);
  // Without one side its exceptions look unneeded.
  const idle = ofPython === undefined ? [] : unneeded(all);
  for (const name of idle) console.log(`${name}: .ci/licences.json makes an exception that nothing needs any more`);
  const trainers = ofPython === undefined ? 'none of the trainer: `npm run trainer` makes it' : ofPython.length;
  console.log(`licences: ${ofNode.length} packages of npm, ${trainers} of pip, ${bad.length} not allowed`);
  return bad.length === 0 && idle.length === 0;
}

function packagesOfPython() {
  const { status, stdout, stderr } = spawnSync(values.python, [here('licences.py')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${values.python} could not list its packages: ${stderr}`);
  return JSON.parse(stdout);
}

function weaknesses() {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: here('..'), encoding: 'utf8' });
  const report = jsonOf(stdout);
  const counts = report?.metadata?.vulnerabilities;
  if (counts === undefined) {
    const why = report?.message ?? 'no answer';
    console.log(`weaknesses: not looked up, because the registry did not answer the question (${why})`);
    console.log('  ask again where it is reachable, or hand `npm run sbom` to a scanner');
    return false;
  }
  for (const { name, severity, range } of Object.values(report.vulnerabilities))
    console.log(`${name} ${range}: ${severity}`);
  console.log(`weaknesses: ${counts.total} known`);
  return counts.total === 0;
}

function jsonOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
