// What is installed may be used: the licences of the lock file, and that the check finds those that may not.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rootDir } from '../support/root-dir.js';

const audit = (...args: string[]) =>
  spawnSync(process.execPath, ['.ci/audit-dependencies.mjs', '--offline', ...args], {
    cwd: rootDir,
    encoding: 'utf8',
  });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'branchline-licences-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run audit:dependencies', () => {
  it('allows every licence of package-lock.json', () => {
    // The trainer's are held to the same list by its own tests.
    const { stdout, status } = audit('--python', join(folder, 'none'));
    expect(stdout).toMatch(/^licences: \d{3,} packages of npm, none of the trainer.*, 0 not allowed\n$/);
    expect(status).toBe(0);
  });

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0-only)', true],
    ['GPL-3.0-only OR (Apache-2.0 AND ISC)', true],
    ['Apache-2.0 WITH LLVM-exception', true],
    ['GPL-3.0-only', false],
    ['MIT AND GPL-3.0-only', false],
    ['MIT OR ISC AND GPL-3.0-only', true],
    ['(MIT OR ISC) AND GPL-3.0-only', false],
    ['MIT WITH strings-attached', false],
    ['MIT ISC', false],
    ['SEE LICENSE IN FILE', false],
    [undefined, false],
  ])('%s: %s', (license, isAllowed) => {
    const lock = join(folder, 'package-lock.json');
    const packages = { '': { license: 'mine' }, 'node_modules/a/node_modules/@b/c': { license } };
    writeFileSync(lock, JSON.stringify({ packages }));
    const { stdout, status } = audit('--lock', lock, '--python', join(folder, 'none'));
    expect(status).toBe(isAllowed ? 0 : 1);
    if (!isAllowed) expect(stdout).toContain(`@b/c: licence ${license ?? 'not said'} is not on the list`);
  });
});
