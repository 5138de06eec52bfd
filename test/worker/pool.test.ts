import { afterEach, describe, expect, it } from '@jest/globals';
import { type PoolOptions, WorkerPool } from '../../src/worker/pool.js';
import type { BranchCall } from '../../src/worker/protocol.js';

const call = (branch: string): BranchCall => ({ model: 'm@1', branch, inputs: {} });

const pools: WorkerPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

/** Pools of scripted threads (see threads/scripted.ts). */
async function openPool(options: Partial<PoolOptions> & { providers?: string[] } = {}) {
  const lost: string[] = [];
  const replaceFailures: string[] = [];
  const idle = { notify: () => {} };
  const pool = await WorkerPool.open({
    entry: new URL('./threads/scripted.js', import.meta.url),
    workers: 1,
    startup: async () => ({
      type: 'startup',
      models: [],
      options: { providers: options.providers ?? ['cpu'], policy: 'strict', intraOpThreads: 1 },
    }),
    admit: async () => {},
    startSerially: false,
    onIdle: () => idle.notify(),
    onLost: (why) => lost.push(why.message),
    onReplaceFailed: (why) => replaceFailures.push(why.message),
    pause: async () => {},
    ...options,
  });
  pools.push(pool);
  const becomesIdle = () =>
    new Promise<void>((resolve) => {
      idle.notify = resolve;
    });
  return { pool, lost, replaceFailures, becomesIdle };
}

describe('WorkerPool', () => {
  it('gives each call to an idle worker', async () => {
    const { pool } = await openPool({ workers: 2 });
    expect(pool.idle).toBe(2);
    const both = [pool.run(call('1')), pool.run(call('2'))];
    expect(pool.idle).toBe(0);
    const answers = await Promise.all(both);
    expect(answers.map(({ score }) => score[0])).toEqual([1, 2]);
    expect(pool.idle).toBe(2);
  });

  it('rejects exactly the runs of the worker that died, and replaces it', async () => {
    const { pool, lost, becomesIdle } = await openPool({ workers: 2 });
    const dying = pool.run(call('die'));
    const living = pool.run(call('3'));
    await expect(dying).rejects.toMatchObject({ code: 'WORKER_LOST', status: 503 });
    expect((await living).score[0]).toBe(3);
    expect(lost).toEqual(['it exited with code 7']);
    while (pool.alive < 2) await becomesIdle();
    expect((await pool.run(call('4'))).score[0]).toBe(4);
  });

  it('tries again where a replacement does not start', async () => {
    const attempts: number[] = [];
    let failures = 0;
    const { pool, replaceFailures, becomesIdle } = await openPool({
      pause: async (attempt) => {
        attempts.push(attempt);
      },
      admit: async () => {
        if (attempts.length === 1 && failures++ === 0) throw new Error('the file changed');
      },
    });
    const replaced = becomesIdle();
    await expect(pool.run(call('die'))).rejects.toMatchObject({ code: 'WORKER_LOST' });
    await replaced;
    expect(replaceFailures).toEqual(['the file changed']);
    expect(attempts).toEqual([1, 2]);
    expect((await pool.run(call('5'))).score[0]).toBe(5);
  });

  it('hands a failed run to its caller and goes on with the worker', async () => {
    const { pool, lost } = await openPool();
    await expect(pool.run(call('fail'))).rejects.toThrow('The model could not be run: scripted failure.');
    expect((await pool.run(call('6'))).score[0]).toBe(6);
    expect(lost).toEqual([]);
  });

  it('does not start where a worker says why it cannot', async () => {
    await expect(openPool({ providers: ['broken'] })).rejects.toThrow('provider broken: scripted');
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

  it('lets the run in progress end before it closes', async () => {
    const { pool } = await openPool();
    const slow = pool.run(call('slow'));
    await pool.close();
    expect((await slow).score[0]).toBe(0);
  });

  it('waits, when it closes, for a replacement that is just starting', async () => {
    let admitted = 0;
    const proof = { finish: () => {} };
    const reached = { proof: () => {} };
    const { pool } = await openPool({
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
    await expect(pool.run(call('die'))).rejects.toMatchObject({ code: 'WORKER_LOST' });
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
});
