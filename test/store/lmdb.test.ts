// The embedded store: the contract, one process a path, and what a kill -9 leaves behind.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay, setImmediate as endOfTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { open } from 'lmdb';
import { openLmdbStore } from '../../src/store/lmdb.js';
import { describeResultStore } from './contract.js';
import { anInspection } from './samples.js';

const newFolder = () => mkdtemp(join(tmpdir(), 'branchline-lmdb-'));
const removeFolder = (path: string) => rm(path, { recursive: true, force: true });

describeResultStore('lmdb', async () => {
  const path = await newFolder();
  return { open: () => openLmdbStore({ path }), remove: () => removeFolder(path) };
});

it('waits for more records only where there is a crowd, and keeps each', async () => {
  const path = await newFolder();
  let asked = 0;
  let crowd = true;
  const isCrowded = () => {
    asked += 1;
    return crowd;
  };
  const store = await openLmdbStore({ path, isCrowded });
  const save = (inspectionId: string) => store.save(anInspection({ inspectionId }), { maps: {} });
  const first = save('a');
  await delay(2);
  await Promise.all([first, save('b')]);
  expect(asked).toBe(1);
  crowd = false;
  const third = save('c');
  await endOfTurn();
  await endOfTurn();
  await Promise.all([third, save('d')]);
  expect(asked).toBe(3);
  expect((await store.list({ limit: 10 })).items).toHaveLength(4);
  await store.close();
  await removeFolder(path);
});

/** Another process that opens the store, saves one inspection and stays until it is killed. */
const SAVER = `
  const { openLmdbStore } = await import(process.argv[1]);
  const { anInspection, aKeptMap } = await import(process.argv[2]);
  const store = await openLmdbStore({ path: process.argv[3] });
  await store.save(anInspection({ inspectionId: 'survivor' }), { maps: { fused: aKeptMap() } });
  console.log('saved');
  setInterval(() => {}, 1000);
`;

async function startSaver(path: string) {
  const modules = ['../../src/store/lmdb.js', './samples.js'].map(
    (file) => new URL(file, import.meta.url).href,
  );
  const saver = spawn(process.execPath, ['--input-type=module', '-e', SAVER, ...modules, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: saver.stdout }), 'line');
  expect(line).toBe('saved');
  const kill = async () => {
    if (saver.signalCode !== null) return;
    saver.kill('SIGKILL');
    await once(saver, 'exit');
  };
  return { pid: saver.pid, kill };
}

async function untilZombie(pid: number): Promise<void> {
  while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await delay(10);
}

describe('lmdb: path lock', () => {
  let path: string;
  beforeEach(async () => {
    path = await newFolder();
  });
  afterEach(() => removeFolder(path));

  it('has the record after the process was killed right behind its save', async () => {
    const saver = await startSaver(path);
    await saver.kill();
    const store = await openLmdbStore({ path });
    expect((await store.get('survivor'))?.verdict).toBe('NG');
    expect((await store.map('survivor', 'fused'))?.values.length).toBe(35);
    expect((await store.list({ limit: 10 })).items).toHaveLength(1);
    await store.close();
  });

  it('refuses a path that another process holds, naming both, and opens once it is gone', async () => {
    const saver = await startSaver(path);
    try {
      await expect(openLmdbStore({ path })).rejects.toThrow(
        `The result store ${path} is in use by process ${saver.pid}:`,
      );
    } finally {
      await saver.kill();
    }
    await (await openLmdbStore({ path })).close();
  });

  it('refuses a second store on the same path in one process', async () => {
    const store = await openLmdbStore({ path });
    await expect(openLmdbStore({ path })).rejects.toThrow(`in use by process ${process.pid}`);
    await store.close();
    await (await openLmdbStore({ path })).close();
  });

  it.each([
    ['a process that is gone', () => spawnSync(process.execPath, ['-e', '']).pid, 'boot:1'],
    ['our own number from an earlier life', () => process.pid, 'earlier-boot:7'],
    ['our own number where start times are unknown', () => process.pid, null],
    ['a number that now belongs to another process', () => process.ppid, 'earlier-boot:7'],
  ])('takes over the lock of %s', async (_, pid, started) => {
    await writeFile(join(path, 'owner.lock'), JSON.stringify({ pid: pid(), started }));
    await (await openLmdbStore({ path })).close();
  });

  it('takes over a lock file that a crash cut short', async () => {
    await writeFile(join(path, 'owner.lock'), '{"pi');
    await (await openLmdbStore({ path })).close();
  });

  const itOnLinux = process.platform === 'linux' ? it : it.skip; // only /proc tells it
  itOnLinux('takes over the lock of a process that is dead and not yet waited for', async () => {
    // The shell's child ends while its parent, by then "sleep", never waits for it.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [line] = await once(parent.stdout, 'data');
      const lock = JSON.stringify({ pid: Number(line), started: null });
      await untilZombie(Number(line));
      await writeFile(join(path, 'owner.lock'), lock);
      await (await openLmdbStore({ path })).close();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('says which store is damaged, in one line', async () => {
    await (await openLmdbStore({ path })).close();
    const file = join(path, 'data.mdb');
    const bytes = await readFile(file);
    // Behind the two meta pages lie the tables.
    bytes.fill(0, 2 * 4096);
    await writeFile(file, bytes);
    await expect(openLmdbStore({ path })).rejects.toThrow(
      /^The result store .* cannot be opened: [^\n]*MDB_CORRUPTED[^\n]*$/,
    );
  });

  it('refuses a folder of an earlier version, in one line, and leaves it as it was', async () => {
    const earlier = open({ path, noSubdir: false });
    await earlier.openDB({ name: 'meta', encoding: 'string' }).put('storeId', '0123456789ab');
    await earlier.close();
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(openLmdbStore({ path })).rejects.toThrow(
        /^The result store .* cannot be opened: it was written by another version of the service\. [^\n]+$/,
      );
  });

  it('says in one line why a path cannot be opened', async () => {
    const file = join(path, 'a-file');
    await writeFile(file, '');
    await expect(openLmdbStore({ path: join(file, 'below') })).rejects.toThrow(
      /^The result store .*below cannot be opened: [^\n]+$/,
    );
  });

  it('does not call a folder missing that it was to make', async () => {
    const link = join(path, 'link');
    await symlink(join(path, 'nowhere', 'below'), link);
    await expect(openLmdbStore({ path: join(link, 'store') })).rejects.toThrow(
      /cannot be opened: it cannot be made\. Is its disk mounted read-only/,
    );
  });
});
