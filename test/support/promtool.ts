// Runs promtool, which checks and tests what is written for Prometheus.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { rootDir } from './root-dir.js';

/** What it prints, also where it finds fault; an Error that says what to install where it is not there. */
export async function promtool(...args: string[]): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)('promtool', args, { cwd: rootDir });
    return stdout + stderr;
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: string; stdout?: string; stderr?: string };
    if (code === 'ENOENT')
      throw new Error('promtool is not installed; on Debian: apt-get install prometheus', { cause: error });
    return `${stdout}${stderr}`;
  }
}
