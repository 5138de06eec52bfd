// Which files of a labelled folder make one capture.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { readLabelledFolder } from '../../bench/labelled-folder.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'branchline-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function fill(...files: string[]) {
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), '');
  }
}

it('pairs files by label and ID, whatever their extensions, and leaves the rest alone', async () => {
  await fill(
    'test/good/rgb/002.png',
    'test/good/rgb/001.png',
    'test/good/acoustic/001.WAV',
    'test/dent/rgb/001.png',
    'test/dent/gt/001.png',
    'test/dent/other/001.png',
    'test/dent/rgb/.hidden.png',
    'test/dent/rgb/notes.txt',
    'train/good/rgb/003.png',
    'gt/001.png',
    'modalities.json',
  );
  const captures = await readLabelledFolder(root, ['rgb', 'acoustic']);
  expect(captures.map(({ label, id, files }) => [label, id, ...files.keys()])).toEqual([
    ['dent', '001', 'rgb'],
    ['good', '001', 'acoustic', 'rgb'],
    ['good', '002', 'rgb'],
  ]);
  expect(captures[1]?.files.get('acoustic')).toBe(join(root, 'test/good/acoustic/001.WAV'));
});

it('says what the layout should be where there is nothing to send', async () => {
  await fill('good/rgb/001.png');
  await expect(readLabelledFolder(root, ['rgb'])).rejects.toThrow(
    /^.* holds no capture: files lie in test\/<label>/,
  );
});
