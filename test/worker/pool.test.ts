import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type PoolOptions, WorkerPool } from '../../src/worker/pool.js';
import type { BranchCall, SessionOptions, Startup } from '../../src/worker/protocol.js';

const call = (branch: string): BranchCall => ({ model: 'm@1', branch, inputs: {} });

const CPU: SessionOptions = { providers: ['cpu'], policy: 'strict', intraOpThreads: 1, maxBatch: 1 };

const pools: WorkerPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

/** Timers set off by hand. */
function alarms() {
  const set = new Map<() => void, number>();
  return {
    after: (ms: number, callBack: () => void) => {
      set.set(callBack, ms);
      return () => set.delete(callBack);
    },
    pendingMs: () => [...set.values()],
    ring: () => {
      for (const callBack of [...set.keys()]) callBack();
    },
  };
}

/** A file that holds a scripted run up until it is removed. */
async function holdUp(): Promise<{ path: string; letGo(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-stuck-'));
  const path = join(folder, 'stuck');
  await writeFile(path, '');
  return { path, letGo: () => rm(folder, { recursive: true }) };
}

/** Pools of scripted threads (see threads/scripted.ts). */
async function openPool(options: Partial<PoolOptions> & { providers?: string[] } = {}) {
  const lost: string[] = [];
  const replaceFailures: string[] = [];
  const stuckAfterMs: number[] = [];
  const watch = alarms();
  const idle = { notify: () => {} };
  const pool = await WorkerPool.open({
    entry: new URL('./threads/scripted.js', import.meta.url),
    workers: 1,
    startup: async () => ({
      type: 'startup',
      models: [],
      options: { ...CPU, providers: options.providers ?? CPU.providers },
    }),
    admit: async () => {},
    startSerially: false,
    onIdle: () => idle.notify(),
    onLost: (why) => lost.push(why.message),
    onStuck: (afterMs) => stuckAfterMs.push(afterMs),
    stuck: { factor: 3, floorMs: 1000 },
    after: watch.after,
    onReplaceFailed: (why) => replaceFailures.push(why.message),
    pause: async () => {},
    ...options,
  });
  pools.push(pool);
  const becomesIdle = () =>
    new Promise<void>((resolve) => {
      idle.notify = resolve;
    });
  const run = async (branch: string, expectedMs = 0) => {
    const outcome = (await pool.run([[call(branch)]], expectedMs))[0]?.outcomes[0];
    if (outcome === undefined || outcome instanceof Error) throw outcome;
    return outcome;
  };
  return { pool, run, lost, replaceFailures, stuckAfterMs, watch, becomesIdle };
}

describe('WorkerPool', () => {
  it('gives each call to an idle worker', async () => {
    const { pool, run } = await openPool({ workers: 2 });
    expect(pool.idle).toBe(2);
    const both = [run('1'), run('2')];
    expect(pool.idle).toBe(0);
    const answers = await Promise.all(both);
    expect(answers.map(({ score }) => score[0])).toEqual([1, 2]);
    expect(pool.idle).toBe(2);
  });

  it('rejects exactly the runs of the worker that died, and replaces it', async () => {
    const { pool, run, lost, becomesIdle } = await openPool({ workers: 2 });
    const dying = run('die');
    const living = run('3');
    await expect(dying).rejects.toMatchObject({ code: 'WORKER_LOST', status: 503 });
    expect((await living).score[0]).toBe(3);
    expect(lost).toEqual(['it exited with code 7']);
    while (pool.alive < 2) await becomesIdle();
    expect((await run('4')).score[0]).toBe(4);
  });

  it('tries again where a replacement does not start', async () => {
    const attempts: number[] = [];
    let failures = 0;
    const { run, replaceFailures, becomesIdle } = await openPool({
      pause: async (attempt) => {
        attempts.push(attempt);
      },
      admit: async () => {
        if (attempts.length === 1 && failures++ === 0) throw new Error('the file changed');
      },
    });
    const replaced = becomesIdle();
    await expect(run('die')).rejects.toMatchObject({ code: 'WORKER_LOST' });
    await replaced;
    expect(replaceFailures).toEqual(['the file changed']);
    expect(attempts).toEqual([1, 2]);
    expect((await run('5')).score[0]).toBe(5);
  });

  it('hands a failed run to its caller and goes on with the worker', async () => {
    const { run, lost } = await openPool();
    await expect(run('fail')).rejects.toThrow('The model could not be run: scripted failure.');
    expect((await run('6')).score[0]).toBe(6);
    expect(lost).toEqual([]);
  });

  it('does not start where a worker says why it cannot', async () => {
    await expect(openPool({ providers: ['broken'] })).rejects.toThrow('provider broken: scripted');
  });

  it('does not start where a worker dies before it is told what to open', async () => {
    const entry = new URL('data:text/javascript,throw new Error("no library")');
    const startup = async (): Promise<Startup> => {
      await sleep(500);
      return { type: 'startup', models: [], options: CPU };
    };
    await expect(openPool({ entry, startup })).rejects.toThrow('no library');
  });

  it('does not start where a worker fails its proof', async () => {
    const admit = async () => {
      throw new Error('off by 0.3');
    };
    await expect(openPool({ workers: 2, admit })).rejects.toThrow('off by 0.3');
  });

  it('starts one worker at a time where it must', async () => {
    let starting = 0;
    let together = 0;
    const admit = async () => {
      together = Math.max(together, ++starting);
      await new Promise(setImmediate);
      starting--;
    };
    await openPool({ workers: 3, startSerially: true, admit });
    expect(together).toBe(1);
  });

  it('starts as many as the provider of the first one wants, and keeps as many', async () => {
    const asked: string[] = [];
    let admitted = 0;
    const { pool, run, becomesIdle } = await openPool({
      workers: (provider) => {
        asked.push(provider);
        expect(admitted).toBe(1);
        return 3;
      },
      admit: async (_run, provider) => {
        asked.push(provider);
        admitted++;
      },
    });
    expect(asked).toEqual(['cpu', 'cpu', 'cpu', 'cpu']);
    expect([pool.wanted, pool.alive]).toEqual([3, 3]);
    await expect(run('die')).rejects.toMatchObject({ code: 'WORKER_LOST' });
    while (pool.alive < 3) await becomesIdle();
    expect(admitted).toBe(4);
  });

  it('lets the run in progress end before it closes', async () => {
    const { pool, run } = await openPool();
    const slow = run('slow');
    await pool.close();
    expect((await slow).score[0]).toBe(0);
  });

  it('waits, when it closes, for a replacement that is just starting', async () => {
    let admitted = 0;
    const proof = { finish: () => {} };
    const reached = { proof: () => {} };
    const { pool, run } = await openPool({
      admit: async () => {
        if (admitted++ === 0) return;
        reached.proof();
        await new Promise<void>((resolve) => {
          proof.finish = resolve;
        });
      },
    });
    const proving = new Promise<void>((resolve) => {
      reached.proof = resolve;
    });
    await expect(run('die')).rejects.toMatchObject({ code: 'WORKER_LOST' });
    await proving;
    let closed = false;
    const closing = pool.close().then(() => {
      closed = true;
    });
    await new Promise(setImmediate);
    expect(closed).toBe(false);
    proof.finish();
    await closing;
    expect(pool.alive).toBe(0);
  });

  it('watches each run for the longer of the floor and so many times what was expected', async () => {
    const { run, watch } = await openPool();
    const short = run('slow', 100);
    expect(watch.pendingMs()).toEqual([1000]);
    await short;
    const long = run('slow', 500);
    expect(watch.pendingMs()).toEqual([1500]);
    await long;
    expect(watch.pendingMs()).toEqual([]);
  });

  it('gives a worker up that does not come back, refuses its captures, and starts another', async () => {
    const { pool, run, lost, stuckAfterMs, watch, becomesIdle } = await openPool();
    const { path, letGo } = await holdUp();
    try {
      const hanging = run(path);
      const replaced = becomesIdle();
      watch.ring();
      await expect(hanging).rejects.toMatchObject({
        code: 'WORKER_STUCK',
        status: 503,
        retryAfterSeconds: 1,
      });
      expect([pool.alive, pool.stuck, pool.idle]).toEqual([0, 1, 0]);
      await replaced;
      expect([pool.alive, pool.stuck, pool.idle]).toEqual([1, 1, 1]);
      expect((await run('8')).score[0]).toBe(8);
      expect([stuckAfterMs, lost]).toEqual([[1000], []]);
    } finally {
      await letGo();
    }
  });

  it('drains a stuck worker that comes back: it gets no work, and no more is started for it', async () => {
    const { pool, run, lost, watch, becomesIdle } = await openPool();
    const { path, letGo } = await holdUp();
    const hanging = run(path);
    const replaced = becomesIdle();
    watch.ring();
    await expect(hanging).rejects.toMatchObject({ code: 'WORKER_STUCK' });
    await replaced;
    await letGo();
    while (pool.stuck > 0) await new Promise(setImmediate);
    expect([pool.alive, pool.idle, lost]).toEqual([1, 1, []]);
  });

  it('starts no third thread where two of one worker are stuck, until one comes back', async () => {
    let started = 0;
    const pause = async () => {
      started++;
    };
    const { pool, run, watch, becomesIdle } = await openPool({ pause });
    const holds = [await holdUp(), await holdUp()];
    for (const { path } of holds) {
      const hanging = run(path);
      const replaced = becomesIdle();
      watch.ring();
      await expect(hanging).rejects.toMatchObject({ code: 'WORKER_STUCK' });
      if (pool.stuck < 2) await replaced;
    }
    expect([pool.alive, pool.stuck, started]).toEqual([0, 2, 1]);
    const replaced = becomesIdle();
    await holds[0]?.letGo();
    await replaced;
    expect([pool.alive, pool.stuck]).toEqual([1, 1]);
    await holds[1]?.letGo();
  });

  it('closes without waiting for a worker that is stuck', async () => {
    const { pool, run, watch } = await openPool();
    const { path, letGo } = await holdUp();
    try {
      const hanging = run(path);
      const closing = pool.close();
      await new Promise(setImmediate);
      watch.ring();
      await expect(hanging).rejects.toMatchObject({ code: 'WORKER_STUCK' });
      await closing;
      expect(pool.stuck).toBe(1);
    } finally {
      await letGo();
    }
  });
});
