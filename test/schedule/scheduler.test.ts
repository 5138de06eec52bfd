import { describe, expect, it } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import { Scheduler } from '../../src/schedule/scheduler.js';
import type { BatchAnswer, BranchCall } from '../../src/worker/protocol.js';

const answer = { runMs: 1 } as BatchAnswer;
const call = (branch: string): BranchCall => ({ model: 'tiny@1', branch, inputs: {} });

/** A scheduler with one worker that works until `finish` is called, and a clock moved by hand. */
function oneWorker(queueLimit = 8) {
  const ran: string[] = [];
  const depths: number[] = [];
  const clock = { ms: 0 };
  const worker = { idle: 1, settle: { finish: () => {}, fail: (_error: Error) => {} } };
  const scheduler = new Scheduler({
    queueLimit,
    nowMs: () => clock.ms,
    onDepth: (depth) => depths.push(depth),
    runner: {
      get idle() {
        return worker.idle;
      },
      run: ({ branch }) => {
        ran.push(branch);
        worker.idle = 0;
        return new Promise((resolve, reject) => {
          const free = () => {
            worker.idle = 1;
            scheduler.pump();
          };
          worker.settle = {
            finish: () => {
              resolve(answer);
              free();
            },
            fail: (error) => {
              reject(error);
              free();
            },
          };
        });
      },
    },
  });
  const submit = (branch: string, options: { deadlineMs?: number; signal?: AbortSignal } = {}) =>
    scheduler.submit({
      call: call(branch),
      deadlineMs: options.deadlineMs ?? 1000,
      signal: options.signal ?? new AbortController().signal,
    });
  return {
    scheduler,
    submit,
    ran,
    depths,
    clock,
    worker,
    finish: () => worker.settle.finish(),
    fail: (error: Error) => worker.settle.fail(error),
  };
}

describe('Scheduler', () => {
  it('starts a call at once where a worker is idle', async () => {
    const { submit, ran, finish } = oneWorker();
    const submitted = submit('a');
    await Promise.resolve();
    expect(ran).toEqual(['a']);
    finish();
    await expect(submitted).resolves.toEqual({ answer, queueMs: 0 });
  });

  it('runs the waiting in the order they came, and says how long each waited', async () => {
    const { submit, ran, finish, clock } = oneWorker();
    const waiting = ['a', 'b', 'c'].map((branch) => submit(branch));
    clock.ms = 30;
    finish();
    clock.ms = 50;
    finish();
    finish();
    expect(ran).toEqual(['a', 'b', 'c']);
    expect((await Promise.all(waiting)).map(({ queueMs }) => queueMs)).toEqual([0, 30, 50]);
  });

  it('refuses with OVERLOADED and Retry-After once the queue is full', async () => {
    const { submit, scheduler, finish, ran } = oneWorker(2);
    const accepted = ['a', 'b', 'c'].map((branch) => submit(branch));
    await expect(submit('d')).rejects.toMatchObject({
      code: 'OVERLOADED',
      status: 503,
      retryAfterSeconds: 1,
    });
    expect(() => scheduler.assertRoom()).toThrow('2 captures are waiting, the limit is 2');
    for (const _ of accepted) finish();
    await Promise.all(accepted);
    expect(ran).toEqual(['a', 'b', 'c']);
  });

  it('never runs a call whose deadline passed while it waited', async () => {
    const { submit, ran, finish, clock } = oneWorker();
    const first = submit('a');
    const late = submit('late', { deadlineMs: 20 });
    const intime = submit('in time', { deadlineMs: 21 });
    clock.ms = 20;
    finish();
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE', status: 503 });
    finish();
    await Promise.all([first, intime]);
    expect(ran).toEqual(['a', 'in time']);
  });

  it('never runs a call whose caller hung up, and frees its place', async () => {
    const { submit, ran, finish, scheduler } = oneWorker(1);
    const first = submit('a');
    const caller = new AbortController();
    const abandoned = submit('abandoned', { signal: caller.signal });
    caller.abort(new ServiceError('CLIENT_GONE', { detail: 'gone' }));
    await expect(abandoned).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    expect(scheduler.depth).toBe(0);
    const next = submit('b');
    finish();
    finish();
    await Promise.all([first, next]);
    expect(ran).toEqual(['a', 'b']);
  });

  it('lets the caller of a running call go when its deadline passes', async () => {
    const { submit, finish } = oneWorker();
    const caller = new AbortController();
    const running = submit('a', { signal: caller.signal });
    caller.abort(new ServiceError('DEADLINE_UNREACHABLE', { detail: 'too late' }));
    await expect(running).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE' });
    finish();
  });

  it('does not queue a call that is already abandoned', async () => {
    const { submit, ran } = oneWorker();
    await expect(submit('a', { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone');
    expect(ran).toEqual([]);
  });

  it('hands a failed run to its own caller only', async () => {
    const { submit, finish, fail } = oneWorker();
    const [first, second] = [submit('a'), submit('b')];
    fail(new ServiceError('WORKER_LOST', { detail: 'died' }));
    finish();
    await expect(first).rejects.toMatchObject({ code: 'WORKER_LOST' });
    await expect(second).resolves.toEqual({ answer, queueMs: 0 });
  });

  it('reports its depth as it changes', async () => {
    const { submit, finish, depths } = oneWorker();
    const all = ['a', 'b', 'c'].map((branch) => submit(branch));
    expect(depths).toEqual([0, 1, 2]);
    for (const _ of all) finish();
    await Promise.all(all);
    expect(depths.at(-1)).toBe(0);
  });
});
