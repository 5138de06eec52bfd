// Fetches an archive of models, checks its sha256, and unpacks it; run by the init container, with URL, SHA256, FOLDER.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const [url, expected, folder] = process.argv.slice(-3);
const archive = join(folder, '.archive.tar.gz');

try {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  const hash = createHash('sha256');
  const hashed = async function* (chunks) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(response.body), hashed, createWriteStream(archive));
  const actual = hash.digest('hex');
  if (actual !== expected) throw new Error(`${url} has sha256 ${actual}, and ${expected} was expected`);
  const { status, stderr } = spawnSync('tar', ['-xzf', archive, '-C', folder, '--no-same-owner']);
  if (status !== 0) throw new Error(`${url} cannot be unpacked: ${stderr}`);
} catch (error) {
  console.error(`models.download: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
} finally {
  await rm(archive, { force: true });
}
