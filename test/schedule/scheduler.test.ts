import { describe, expect, it } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import { graphsOf } from '../../src/schedule/expected-time.js';
import { answerOf, byHand, callOf, settled } from './support.js';

type Machine = ReturnType<typeof byHand>;
const branches = ({ ran }: Machine) => ran.map(({ branch }) => branch);
const lost = () => new ServiceError('WORKER_LOST', { detail: 'died' });
const gone = () => AbortSignal.abort(new ServiceError('CLIENT_GONE', { detail: 'gone' }));

describe('a worker that is idle', () => {
  it('starts a capture at once', async () => {
    const machine = byHand();
    const answer = machine.submit('a');
    expect(branches(machine)).toEqual(['a']);
    machine.running[0]?.finish();
    await expect(answer).resolves.toEqual({ answer: answerOf(machine.ran[0] as never), queueMs: 0 });
  });

  it('never waits for a batch to fill', () => {
    const machine = byHand({ workers: 2, maxBatch: 8 });
    machine.submit('rgb');
    machine.submit('rgb');
    expect(machine.batches).toEqual([1, 1]);
  });

  it('tries even a capture that is expected to be late, so that a wrong estimate is put right', async () => {
    const machine = byHand({ runMs: 1000, known: ['a'] });
    const answer = machine.submit('a', { deadlineMs: 100 });
    machine.clock.ms = 10;
    machine.running[0]?.finish();
    await expect(answer).resolves.toMatchObject({ queueMs: 0 });
  });

  it('gets nothing that is abandoned already, or whose deadline has passed', async () => {
    const machine = byHand();
    machine.clock.ms = 50;
    await expect(machine.submit('a', { signal: gone() })).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    await expect(machine.submit('a', { deadlineMs: 50 })).rejects.toMatchObject({
      code: 'DEADLINE_UNREACHABLE',
      status: 503,
    });
    expect(machine.ran).toEqual([]);
  });
});

describe('the waiting', () => {
  it('run by their deadlines; of equal ones first who came first', async () => {
    const machine = byHand();
    const deadlines = [500, 900, 100, 900, 300];
    const answers = deadlines.map((deadlineMs, at) => machine.submit(`b${at}`, { deadlineMs }));
    machine.clock.ms = 20;
    while (machine.running.length > 0) {
      machine.running[0]?.finish();
      await settled();
    }
    expect(branches(machine)).toEqual(['b0', 'b2', 'b4', 'b1', 'b3']);
    expect((await Promise.all(answers)).map(({ queueMs }) => queueMs)).toEqual([0, 20, 20, 20, 20]);
  });

  it('never run once their deadline has passed', async () => {
    const machine = byHand();
    machine.submit('a');
    const late = machine.submit('late', { deadlineMs: 20 });
    machine.submit('in time', { deadlineMs: 21 });
    machine.clock.ms = 20;
    machine.running[0]?.finish();
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE', status: 503 });
    expect(branches(machine)).toEqual(['a', 'in time']);
  });

  it('never run where they would be answered late, and hold up nobody behind them', async () => {
    const machine = byHand({ runMs: 30, known: ['hopeless', 'next'] });
    machine.submit('a');
    const hopeless = machine.submit('hopeless', { deadlineMs: 100 });
    machine.submit('next', { deadlineMs: 200 });
    machine.clock.ms = 75;
    machine.running[0]?.finish();
    await expect(hopeless).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE' });
    expect(branches(machine)).toEqual(['a', 'next']);
  });

  it('never run where storing would make them late', async () => {
    const machine = byHand();
    machine.submit('a');
    const late = machine.submit('late', { deadlineMs: 100 });
    machine.scheduler.tookAfterwards(30);
    machine.clock.ms = 50;
    machine.running[0]?.finish();
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE' });
    expect(branches(machine)).toEqual(['a']);
  });

  it('never run where their caller hung up, and free their place', async () => {
    const machine = byHand({ queueLimit: 1 });
    machine.submit('a');
    const caller = new AbortController();
    const abandoned = machine.submit('abandoned', { signal: caller.signal });
    caller.abort(new ServiceError('CLIENT_GONE', { detail: 'gone' }));
    await expect(abandoned).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    expect(machine.scheduler.depth).toBe(0);
    machine.submit('b');
    machine.running[0]?.finish();
    expect(branches(machine)).toEqual(['a', 'b']);
  });

  it('are counted, and the longest wait is known', async () => {
    const machine = byHand();
    machine.submit('a');
    machine.submit('b', { deadlineMs: 900 });
    machine.clock.ms = 10;
    machine.submit('c', { deadlineMs: 800 });
    machine.clock.ms = 15;
    expect(machine.depths).toEqual([1, 2]);
    expect(machine.scheduler.oldestWaitMs).toBe(15);
    machine.running[0]?.finish();
    machine.running[0]?.finish();
    expect(machine.depths.at(-1)).toBe(0);
    expect(machine.scheduler.oldestWaitMs).toBe(0);
  });
});

describe('the running', () => {
  it('are let go when the deadline passes', async () => {
    const machine = byHand();
    const caller = new AbortController();
    const running = machine.submit('a', { signal: caller.signal });
    caller.abort(new ServiceError('DEADLINE_UNREACHABLE', { detail: 'too late' }));
    await expect(running).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE' });
    machine.running[0]?.finish();
  });

  it('fail with their worker where they ran alone, and nobody else does', async () => {
    const machine = byHand();
    const [first, second] = ['rgb', 'rgb'].map((branch) => machine.submit(branch));
    machine.running[0]?.fail(lost());
    await expect(first).rejects.toMatchObject({ code: 'WORKER_LOST' });
    machine.running[0]?.finish();
    await expect(second).resolves.toBeDefined();
    expect(machine.ran).toHaveLength(2);
  });
});

describe('a batch', () => {
  const batchesOf = (machine: Machine) =>
    machine.running.map(({ calls }) => calls.map(({ branch, model }) => `${model} ${branch}`));

  it('is made of what queued while the workers were busy, up to its limit', () => {
    const machine = byHand({ maxBatch: 3 });
    for (let n = 0; n < 5; n++) machine.submit('rgb');
    machine.running[0]?.finish();
    machine.running[0]?.finish();
    expect(machine.batches).toEqual([1, 3, 1]);
  });

  it('takes branches that share an encoder with its first, and leaves the others their place', () => {
    const machine = byHand({ maxBatch: 8 });
    for (const branch of ['x', 'rgb+depth', 'acoustic', 'depth', 'rgb', 'acoustic+rgb'])
      machine.submit(branch);
    machine.running[0]?.finish();
    expect(batchesOf(machine)).toEqual([
      ['tiny@1 rgb+depth', 'tiny@1 depth', 'tiny@1 rgb', 'tiny@1 acoustic+rgb'],
    ]);
    machine.running[0]?.finish();
    expect(batchesOf(machine)).toEqual([['tiny@1 acoustic']]);
  });

  it('is of one model', () => {
    const machine = byHand({ maxBatch: 8 });
    const other = { model: 'other@1', branch: 'rgb', inputs: { rgb: {} as never } };
    machine.submit('rgb');
    machine.submit('rgb');
    machine.submit('rgb', { call: other });
    machine.running[0]?.finish();
    expect(batchesOf(machine)).toEqual([['tiny@1 rgb']]);
  });

  it('does not grow beyond what its first has time for', () => {
    const machine = byHand({ maxBatch: 8, runMs: 30, known: ['rgb'] });
    machine.submit('x');
    machine.submit('rgb', { deadlineMs: 100 });
    for (let n = 0; n < 5; n++) machine.submit('rgb', { deadlineMs: 1000 });
    machine.running[0]?.finish();
    expect(machine.running[0]?.calls).toHaveLength(3);
    expect(machine.scheduler.depth).toBe(3);
  });
});

describe('a turn', () => {
  const sizes = (machine: Machine) => machine.running.map(({ turn }) => turn.map(({ length }) => length));

  it('is made of what queued while the workers were busy, each for itself, up to its limit', () => {
    const machine = byHand({ maxTurn: 3 });
    for (let n = 0; n < 5; n++) machine.submit(`b${n}`, { deadlineMs: 9000 - n });
    expect(sizes(machine)).toEqual([[1]]);
    machine.running[0]?.finish();
    expect(sizes(machine)).toEqual([[1, 1, 1]]);
    expect(branches(machine)).toEqual(['b0', 'b4', 'b3', 'b2']);
    machine.running[0]?.finish();
    expect(sizes(machine)).toEqual([[1]]);
    expect(machine.batches).toEqual([1, 1, 1, 1, 1]);
  });

  it('is of batches where batches are made', () => {
    const machine = byHand({ maxBatch: 2, maxTurn: 5 });
    for (let n = 0; n < 8; n++) machine.submit('rgb');
    machine.running[0]?.finish();
    expect(sizes(machine)).toEqual([[2, 2, 1]]);
    const large = byHand({ maxBatch: 4, maxTurn: 2 });
    for (let n = 0; n < 8; n++) large.submit('rgb');
    large.running[0]?.finish();
    expect(sizes(large)).toEqual([[4]]);
  });

  it('leaves the other workers their share of the queue', () => {
    const machine = byHand({ workers: 2, maxTurn: 8 });
    for (let n = 0; n < 7; n++) machine.submit('a');
    machine.running[0]?.finish();
    expect(sizes(machine)).toEqual([[1], [1, 1]]);
    expect(machine.scheduler.depth).toBe(3);
  });

  it.each([
    [300, 3],
    [5000, 7],
  ])(
    'takes no more than a tenth of the shortest time that anybody had: %i ms, %i captures',
    (haste, size) => {
      const machine = byHand({ maxTurn: 8, runMs: 10, known: ['a'] });
      machine.submit('a', { deadlineMs: haste });
      for (let n = 0; n < 7; n++) machine.submit('a', { deadlineMs: 5000 });
      machine.clock.ms = 10;
      machine.running[0]?.finish();
      expect(machine.running[0]?.turn).toHaveLength(size);
    },
  );

  it('takes no more than 100 ms, a batch that it begins with aside', () => {
    const known = { maxBatch: 2, maxTurn: 8, runMs: 40, known: ['rgb'] };
    const machine = byHand({ ...known, queueLimit: 50 });
    for (let n = 0; n < 9; n++) machine.submit('rgb');
    machine.clock.ms = 40;
    machine.running[0]?.finish();
    // 80 ms, and the next would have ended after 120.
    expect(sizes(machine)).toEqual([[2]]);
    const three = byHand({ ...known, runMs: 30, queueLimit: 50 });
    for (let n = 0; n < 9; n++) three.submit('rgb');
    three.clock.ms = 30;
    three.running[0]?.finish();
    expect(sizes(three)).toEqual([[2, 1]]);
  });

  it('teaches what each graph took, and the way to the worker and back', async () => {
    const machine = byHand({ maxTurn: 2 });
    machine.submit('other');
    for (let n = 0; n < 2; n++) machine.submit('a');
    machine.running[0]?.finish();
    await settled();
    const before = machine.expected.ofOne(graphsOf(callOf('a')));
    machine.clock.ms = 46;
    machine.running[0]?.finish(6);
    await settled();
    // Of 46 ms each graph took 20, and the way 3 for each of two; the turn before it, whose way took nothing, weighs 0.95.
    const wayMs = (6 * 2) / (0.95 + 2 ** 2);
    expect(before).toBe(0);
    expect(machine.expected.ofOne(graphsOf(callOf('a')))).toBeCloseTo(20 + wayMs, 1);
  });

  it('makes its first not late, nor what comes after its run', () => {
    const machine = byHand({ maxTurn: 8, runMs: 10, known: ['a'] });
    machine.submit('a');
    machine.submit('a', { deadlineMs: 1000 });
    for (let n = 0; n < 6; n++) machine.submit('a', { deadlineMs: 5000 });
    machine.clock.ms = 950;
    machine.scheduler.tookAfterwards(10);
    // Of the 50 ms left 20 are for what comes after the run.
    machine.running[0]?.finish();
    expect(sizes(machine)).toEqual([[1, 1, 1]]);
  });

  it('is answered as one: what each waits beside its own run counts as the queue', async () => {
    const machine = byHand({ maxTurn: 2 });
    machine.submit('a');
    const [second, third] = [machine.submit('a'), machine.submit('a')];
    machine.clock.ms = 10;
    machine.running[0]?.finish();
    machine.clock.ms = 40;
    machine.running[0]?.finish();
    for (const answer of [second, third])
      await expect(answer).resolves.toMatchObject({ answer: { runMs: 15 }, queueMs: 25 });
  });

  it.each([
    ['batches of one', { maxTurn: 4 }],
    ['one batch', { maxBatch: 4 }],
  ])(
    'whose worker died is tried again, each for itself: the one at fault fails alone (%s)',
    async (_, limits) => {
      const machine = byHand(limits);
      machine.submit('a');
      const [first, atFault, third] = [1, 2, 3].map((n) => machine.submit('a', { deadlineMs: 1000 + n }));
      machine.running[0]?.finish();
      expect(machine.running[0]?.calls).toHaveLength(3);
      machine.running[0]?.fail(lost());
      await settled();
      // It comes with an earlier deadline, and has nothing to do with it.
      const other = machine.submit('a', { deadlineMs: 900 });
      expect(machine.running[0]?.calls).toHaveLength(1);
      machine.running[0]?.finish();
      await expect(first).resolves.toBeDefined();
      expect(machine.running[0]?.calls).toHaveLength(1);
      machine.running[0]?.finish();
      await expect(other).resolves.toBeDefined();
      const later = [1, 2].map(() => machine.submit('a', { deadlineMs: 9000 }));
      machine.running[0]?.fail(lost());
      await expect(atFault).rejects.toMatchObject({ code: 'WORKER_LOST' });
      expect(machine.running[0]?.calls).toHaveLength(1);
      machine.running[0]?.finish();
      await expect(third).resolves.toBeDefined();
      expect(machine.running[0]?.calls).toHaveLength(2);
      machine.running[0]?.finish();
      for (const answer of later) await expect(answer).resolves.toBeDefined();
      expect(machine.running).toEqual([]);
    },
  );

  it('whose worker died is not tried again for a caller that is gone', async () => {
    const machine = byHand({ maxTurn: 4 });
    machine.submit('a');
    const caller = new AbortController();
    machine.submit('gone', { signal: caller.signal });
    machine.submit('b');
    machine.running[0]?.finish();
    caller.abort(new ServiceError('CLIENT_GONE', { detail: 'gone' }));
    machine.running[0]?.fail(lost());
    await settled();
    expect(branches(machine)).toEqual(['a', 'gone', 'b', 'b']);
    expect(machine.scheduler.depth).toBe(0);
  });
});

describe('the door', () => {
  it('refuses with OVERLOADED and Retry-After once the queue is full', async () => {
    const machine = byHand({ queueLimit: 2, runMs: 1500, known: ['a'] });
    for (let n = 0; n < 3; n++) machine.submit('a');
    await expect(machine.submit('a')).rejects.toMatchObject({
      code: 'OVERLOADED',
      status: 503,
      message: '2 captures are waiting, which is the limit; send this one again later.',
      retryAfterSeconds: 5,
    });
    expect(() => machine.scheduler.arrive()).toThrow('2 captures are waiting');
  });

  it('refuses with DEADLINE_UNREACHABLE what would be late behind those before it', async () => {
    const machine = byHand({ runMs: 1000, known: ['a'] });
    for (let n = 0; n < 3; n++) machine.submit('a', { deadlineMs: 4000 });
    // Done at 4000; a tenth of its time is left for what comes after the run.
    await expect(machine.submit('a', { deadlineMs: 4400 })).rejects.toMatchObject({
      code: 'DEADLINE_UNREACHABLE',
      status: 503,
      message: '2 captures are waiting; this one, or one that was promised an answer, would be 40 ms late.',
      retryAfterSeconds: 1,
    });
    await expect(machine.submit('a', { deadlineMs: 2000 })).rejects.toMatchObject({ retryAfterSeconds: 1 });
    machine.submit('a', { deadlineMs: 4500 });
    expect(machine.scheduler.depth).toBe(3);
  });

  it('leaves time for what storing took lately', async () => {
    const machine = byHand({ runMs: 100, known: ['a'] });
    for (let n = 0; n < 100; n++) machine.scheduler.tookAfterwards(300);
    machine.submit('a');
    // Done at 200, due at 0.9 of its time less 300.
    await expect(machine.submit('a', { deadlineMs: 540 })).rejects.toMatchObject({
      code: 'DEADLINE_UNREACHABLE',
    });
    machine.submit('a', { deadlineMs: 570 });
    expect(machine.scheduler.depth).toBe(1);
  });

  it('lets a capture with an earlier deadline pass those who have time', async () => {
    const machine = byHand({ runMs: 100, known: ['a'] });
    machine.submit('a');
    for (let n = 0; n < 5; n++) machine.submit('a', { deadlineMs: 10_000 });
    const urgent = machine.submit('a', { deadlineMs: 300 });
    machine.running[0]?.finish();
    machine.running[0]?.finish();
    await expect(urgent).resolves.toBeDefined();
  });

  it('refuses what would make one late that was promised an answer', async () => {
    const machine = byHand({ runMs: 100, known: ['a'] });
    machine.submit('a');
    const promised = machine.submit('a', { deadlineMs: 250 });
    await expect(machine.submit('a', { deadlineMs: 240 })).rejects.toMatchObject({
      code: 'DEADLINE_UNREACHABLE',
    });
    machine.clock.ms = 100;
    machine.running[0]?.finish();
    machine.clock.ms = 200;
    machine.running[0]?.finish();
    await expect(promised).resolves.toMatchObject({ queueMs: 100 });
  });

  it('refuses before the body is read where even the shortest that waits would be late', () => {
    const machine = byHand({ runMs: 100, known: ['a'], queueLimit: 50 });
    for (let n = 0; n < 8; n++) machine.submit('a', { deadlineMs: 1000 });
    machine.scheduler.arrive(1000).end();
    machine.submit('a', { deadlineMs: 1000 });
    expect(() => machine.scheduler.arrive(1000)).toThrow('would be 100 ms late');
    machine.scheduler.arrive(1200).end();
    machine.scheduler.arrive(999).end();
    machine.scheduler.arrive().end();
  });

  it('counts those that it let in and that are not queued yet', () => {
    const machine = byHand({ workers: 2, runMs: 100, known: ['a'], queueLimit: 50 });
    for (let n = 0; n < 2; n++) machine.submit('a', { deadlineMs: 1000 });
    // Two workers, 100 ms each, and a tenth of the time left free: 16 find room, the last of them at 900 ms.
    const arrivals = Array.from({ length: 16 }, () => machine.scheduler.arrive(1000));
    expect(() => machine.scheduler.arrive(1000)).toThrow('would be 100 ms late');
    // Those behind it do not count.
    machine.scheduler.arrive(999).end();
    arrivals.pop()?.end();
    const taken = machine.scheduler.arrive(1000);
    expect(() => machine.scheduler.arrive(1000)).toThrow('late');
    // Queued, it is counted once: counted twice, the next would be late.
    arrivals.pop()?.end();
    machine.submit('a', { deadlineMs: 1000, arrival: taken });
    machine.scheduler.arrive(1000);
    expect(() => machine.scheduler.arrive(1000)).toThrow('would be 100 ms late');
  });

  it('does not keep others out for one that has been on its way for long', () => {
    const machine = byHand({ runMs: 400, known: ['a'] });
    machine.submit('a', { deadlineMs: 1000 });
    machine.scheduler.arrive(1000);
    expect(() => machine.scheduler.arrive(1000)).toThrow('late');
    machine.clock.ms = 201;
    machine.scheduler.arrive(1000).end();
  });

  it('makes the branch with most places give one up to a branch with fewer', async () => {
    const machine = byHand({ queueLimit: 4 });
    machine.submit('a');
    const crowd = [900, 800, 700, 600].map((deadlineMs) => machine.submit('a', { deadlineMs }));
    const neighbour = machine.submit('b', { deadlineMs: 1000 });
    await expect(crowd[0]).rejects.toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringMatching(
        /Branch "a" of tiny@1 was given most of the machine lately and gave a place up to branch "b"/,
      ),
    });
    machine.submit('b', { deadlineMs: 1000 });
    // Two and two: neither has more than the other.
    await expect(machine.submit('b')).rejects.toMatchObject({ code: 'OVERLOADED' });
    await expect(machine.submit('a')).rejects.toMatchObject({ code: 'OVERLOADED' });
    while (machine.running.length > 0) machine.running[0]?.finish();
    await expect(neighbour).resolves.toBeDefined();
    expect(branches(machine)).toEqual(['a', 'a', 'a', 'b', 'b']);
  });

  it('makes the crowd give way where the neighbour would be late behind it', async () => {
    const machine = byHand({ queueLimit: 100, runMs: 100, known: ['a', 'b'] });
    machine.submit('a');
    const crowd = Array.from({ length: 8 }, () => machine.submit('a', { deadlineMs: 1000 }));
    await expect(machine.submit('a', { deadlineMs: 1000 })).rejects.toMatchObject({
      code: 'DEADLINE_UNREACHABLE',
    });
    machine.submit('b', { deadlineMs: 1000 });
    await expect(crowd[7]).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(machine.scheduler.depth).toBe(8);
  });
});
