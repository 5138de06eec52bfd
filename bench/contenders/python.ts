// Virtual environments of Python programs, made on first use and kept under var/.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const REQUIREMENTS = fileURLToPath(new URL('../../../bench/peers/requirements.txt', import.meta.url));

/** The path of its python. Throws an Error of one line that says why it cannot be made, without paths: it is published. */
export async function peersPython(
  folder: string,
  basePython = 'python3',
  requirements = REQUIREMENTS,
): Promise<string> {
  const environment = resolve(folder);
  const python = join(environment, 'bin', 'python');
  const stamp = join(environment, 'requirements.sha256');
  const wanted = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return python;
  await rm(environment, { recursive: true, force: true });
  await mkdir(dirname(environment), { recursive: true });
  await succeed(basePython, '-m', 'venv', environment);
  // Nice: installing must not disturb what else the machine is doing.
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
  await succeed('nice', '-n', '15', python, ...pip);
  await writeFile(stamp, wanted);
  return python;
}

/** "name==version" of what the peers run on. */
export async function peersVersions(): Promise<string[]> {
  const lines = (await readFile(REQUIREMENTS, 'utf8')).split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

async function succeed(command: string, ...args: string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close').catch((cause: Error) => {
    throw new Error(`its virtual environment cannot be made: ${cause.message}`, { cause });
  });
  if (code === 0) return;
  const lastWords = said.trim().split('\n').at(-1) || `exit code ${code}`;
  throw new Error(`its virtual environment cannot be made: ${lastWords}`);
}
