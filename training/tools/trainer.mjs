// Makes the trainer's virtual environment where it is missing or out of date, then runs a task in it.
//
//   node training/tools/trainer.mjs install       the environment alone, in training/.venv
//   node training/tools/trainer.mjs check         ruff, mypy and pytest
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const training = resolve(fileURLToPath(import.meta.url), '../..');
const environment = join(training, '.venv');
const stamp = join(environment, 'installed.sha256');
const windows = process.platform === 'win32';
const bin = (name) => join(environment, windows ? 'Scripts' : 'bin', windows ? `${name}.exe` : name);

function fail(message) {
  console.error(`trainer: ${message}`);
  process.exit(1);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: training, stdio: 'inherit' });
  if (error) fail(`cannot run ${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function findPython() {
  for (const candidate of [process.env.PYTHON, 'python3', 'python'].filter(Boolean)) {
    const test = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))';
    if (spawnSync(candidate, ['-c', test], { stdio: 'ignore' }).status === 0) return candidate;
  }
  return fail(
    'Python 3.11 or newer with venv is needed: `apt-get install python3 python3-venv`, or set PYTHON to one',
  );
}

/** Changes with whatever decides what is installed. */
function wanted() {
  const hash = createHash('sha256');
  for (const file of ['pyproject.toml', 'requirements.lock']) hash.update(readFileSync(join(training, file)));
  return hash.digest('hex');
}

function install() {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted()) return;
  const python = findPython();
  console.error('trainer: making training/.venv (once; PyTorch is large, this takes minutes)');
  rmSync(environment, { recursive: true, force: true });
  run(python, ['-m', 'venv', environment]);
  run(bin('python'), ['-m', 'pip', 'install', '--quiet', '-c', 'requirements.lock', '-e', '.[dev]']);
  writeFileSync(stamp, wanted());
}

function check() {
  const report = resolve(training, '../var/test/pytest.xml');
  mkdirSync(resolve(report, '..'), { recursive: true });
  run(bin('ruff'), ['check', '.']);
  run(bin('ruff'), ['format', '--check', '.']);
  run(bin('mypy'), []);
  run(bin('pytest'), [`--junitxml=${report}`]);
}

const tasks = { install: () => {}, check };
const task = tasks[process.argv[2] ?? ''];
if (!task) fail(`say one of: ${Object.keys(tasks).join(', ')}`);
install();
task();
