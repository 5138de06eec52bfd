// What holds of the scheduler whatever comes, in whatever order.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ServiceError } from '../../src/errors.js';
import { byHand, callOf, type RunningTurn, settled } from './support.js';

const BRANCHES = ['rgb', 'depth+rgb', 'acoustic', 'acoustic+depth+rgb'];

interface Tracked {
  readonly call: ReturnType<typeof callOf>;
  readonly deadlineMs: number;
  readonly caller: AbortController;
  readonly submittedMs: number;
  outcomes: { readonly answer?: unknown; readonly code?: string; readonly atMs: number }[];
}

/** Follows every capture of a scheduler driven by hand. */
function followed(settings: Parameters<typeof byHand>[0]) {
  const machine = byHand(settings);
  const captures: Tracked[] = [];
  const submit = (branch: string, patienceMs: number) => {
    const { clock, scheduler } = machine;
    const caller = new AbortController();
    const call = callOf(branch);
    const deadlineMs = clock.ms + patienceMs;
    const capture: Tracked = { call, deadlineMs, caller, submittedMs: clock.ms, outcomes: [] };
    captures.push(capture);
    void scheduler.submit({ call, deadlineMs, signal: caller.signal }).then(
      ({ answer }) => capture.outcomes.push({ answer, atMs: clock.ms }),
      ({ code }: ServiceError) => capture.outcomes.push({ code, atMs: clock.ms }),
    );
    return capture;
  };
  const isRunning = (call: Tracked['call']) => machine.running.some(({ calls }) => calls.includes(call));
  const waiting = () => captures.filter(({ call, outcomes }) => outcomes.length === 0 && !isRunning(call));
  /** Those whose worker died while others ran beside them. */
  const tried = new Set<Tracked['call']>();
  const fail = (turn: RunningTurn | undefined) => {
    if (turn !== undefined && turn.calls.length > 1) for (const call of turn.calls) tried.add(call);
    turn?.fail(new ServiceError('WORKER_LOST', { detail: 'died' }));
  };
  return { ...machine, captures, submit, waiting, fail, tried };
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      branch: fc.constantFrom(...BRANCHES),
      patienceMs: fc.integer({ min: 1, max: 300 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hang up' as const), which: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(one: Step, { submit, clock, running, captures, fail }: ReturnType<typeof followed>): void {
  switch (one.do) {
    case 'submit':
      submit(one.branch, one.patienceMs);
      return;
    case 'wait':
      clock.ms += one.ms;
      return;
    case 'finish':
      running[one.which % running.length]?.finish();
      return;
    case 'fail':
      fail(running[one.which % running.length]);
      return;
    case 'hang up':
      captures[one.which % captures.length]?.caller.abort(
        new ServiceError('CLIENT_GONE', { detail: 'gone' }),
      );
      return;
  }
}

const settings = fc.record({
  workers: fc.integer({ min: 1, max: 3 }),
  queueLimit: fc.integer({ min: 1, max: 6 }),
  maxBatch: fc.integer({ min: 1, max: 4 }),
  maxTurn: fc.integer({ min: 1, max: 6 }),
});

describe('whatever comes', () => {
  it('capacity is kept, no worker idles while somebody waits, and deadlines decide who is next', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
        const machine = followed(limits);
        const { running, scheduler, clock } = machine;
        const seen = new Set<RunningTurn>();
        for (const one of steps) {
          take(one, machine);
          await settled();
          expect(running.length).toBeLessThanOrEqual(limits.workers);
          // Those that are tried again were let in before.
          const again = machine.waiting().filter(({ call }) => machine.tried.has(call));
          expect(scheduler.depth - again.length).toBeLessThanOrEqual(limits.queueLimit);
          expect(scheduler.depth).toBe(machine.waiting().length);
          if (running.length < limits.workers) expect(scheduler.depth).toBe(0);
          for (const next of running) {
            if (seen.has(next)) continue;
            seen.add(next);
            if (next.calls.some((call) => machine.tried.has(call))) expect(next.calls).toHaveLength(1);
            if (next.turn.length > 1) expect(next.calls.length).toBeLessThanOrEqual(limits.maxTurn);
            for (const batch of next.turn) {
              expect(batch.length).toBeLessThanOrEqual(limits.maxBatch);
              const [first, ...others] = batch.map((call) => deadlineOf(call, machine.captures));
              for (const deadlineMs of others) expect(deadlineMs).toBeGreaterThanOrEqual(first ?? 0);
              for (const { deadlineMs } of machine.waiting())
                expect(deadlineMs).toBeGreaterThanOrEqual(first ?? 0);
              expect(first).toBeGreaterThan(clock.ms);
            }
          }
        }
      }),
    );
  });

  it('every capture is answered once: with its own answer after one run, or two where a worker died, or with why not', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
        const machine = followed(limits);
        for (const one of steps) take(one, machine);
        for (await settled(); machine.running.length > 0; await settled()) machine.running[0]?.finish();
        const runs = (call: Tracked['call']) => machine.ran.filter((its) => its === call).length;
        for (const { call, outcomes } of machine.captures) {
          expect(outcomes).toHaveLength(1);
          const [outcome] = outcomes;
          if (outcome?.code === undefined) expect(outcome?.answer).toMatchObject({ to: call });
          const again = machine.tried.has(call) ? 1 : 0;
          expect(runs(call)).toBeLessThanOrEqual(1 + again);
          if (outcome?.code === undefined) expect(runs(call)).toBe(1 + again);
          if (['OVERLOADED', 'DEADLINE_UNREACHABLE'].includes(outcome?.code ?? ''))
            expect(runs(call)).toBe(again);
        }
      }),
    );
  });
});

/** Plays arrivals on workers whose runs take exactly what is expected. */
async function play(
  machine: ReturnType<typeof followed>,
  arrivals: readonly { readonly atMs: number; readonly branch: string; readonly patienceMs: number }[],
  runMs: number,
): Promise<void> {
  const { clock, running } = machine;
  const endMs = new Map<RunningTurn, number>();
  const pending = [...arrivals].sort((one, other) => one.atMs - other.atMs);
  for (;;) {
    for (const turn of running) if (!endMs.has(turn)) endMs.set(turn, clock.ms + runMs * turn.turn.length);
    const next = running.reduce<RunningTurn | undefined>(
      (first, turn) => (first && (endMs.get(first) ?? 0) <= (endMs.get(turn) ?? 0) ? first : turn),
      undefined,
    );
    const endsMs = next === undefined ? Number.POSITIVE_INFINITY : (endMs.get(next) ?? 0);
    const comesMs = pending[0]?.atMs ?? Number.POSITIVE_INFINITY;
    if (endsMs === Number.POSITIVE_INFINITY && comesMs === endsMs) return;
    clock.ms = Math.min(endsMs, comesMs);
    if (endsMs <= comesMs) next?.finish();
    else {
      const { branch, patienceMs } = pending.shift() as (typeof pending)[number];
      machine.submit(branch, patienceMs);
    }
    await settled();
  }
}

const RUN_MS = 10;
const exact = { runMs: RUN_MS, known: BRANCHES };

describe('where runs take what is expected', () => {
  const arrival = (patienceMs: fc.Arbitrary<number>) =>
    fc.record({ atMs: fc.integer({ min: 0, max: 200 }), branch: fc.constantFrom(...BRANCHES), patienceMs });
  const hasty = fc.array(arrival(fc.integer({ min: 1, max: 120 })), { maxLength: 60 });
  /** With time for turns of several, and too many of them to be all in time. */
  const patient = fc.array(arrival(fc.integer({ min: 25 * RUN_MS, max: 40 * RUN_MS })), {
    minLength: 60,
    maxLength: 150,
  });

  it('a capture is refused when it comes, gives way to another branch, or is answered in time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(12, 120),
        fc.oneof(hasty, patient),
        async (workers, maxTurn, queueLimit, arrivals) => {
          const machine = followed({ workers, maxTurn, queueLimit, ...exact });
          await play(machine, arrivals, RUN_MS);
          for (const { outcomes, deadlineMs, submittedMs, call } of machine.captures) {
            const [outcome] = outcomes;
            // An idle worker tries also what has no time.
            const waited = machine.ran.includes(call) && deadlineMs - submittedMs >= RUN_MS;
            if (outcome?.code === undefined && waited) expect(outcome?.atMs).toBeLessThanOrEqual(deadlineMs);
            if (outcome?.code === 'DEADLINE_UNREACHABLE') expect(outcome.atMs).toBe(submittedMs);
          }
        },
      ),
    );
  });

  it('a branch within its share of the machine loses nothing to neighbours, however they flood', async () => {
    const flood = fc.record({
      branch: fc.constantFrom('crowd-1', 'crowd-2'),
      everyMs: fc.integer({ min: 1, max: 5 }),
      patienceMs: fc.integer({ min: 15, max: 400 }),
    });
    const quiet = fc.record({
      everyMs: fc.integer({ min: 6 * RUN_MS, max: 9 * RUN_MS }),
      patienceMs: fc.integer({ min: 6 * RUN_MS, max: 500 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(flood, { minLength: 1, maxLength: 4 }),
        quiet,
        fc.integer({ min: 6, max: 64 }),
        fc.integer({ min: 1, max: 6 }),
        async (floods, { everyMs, patienceMs }, queueLimit, maxTurn) => {
          const machine = followed({
            queueLimit,
            maxTurn,
            runMs: RUN_MS,
            known: ['crowd-1', 'crowd-2', 'quiet'],
          });
          const series = [...floods, { branch: 'quiet', everyMs, patienceMs }];
          const arrivals = series.flatMap((one) =>
            Array.from({ length: Math.floor(300 / one.everyMs) }, (_, n) => ({
              ...one,
              atMs: n * one.everyMs,
            })),
          );
          await play(machine, arrivals, RUN_MS);
          const lost = machine.captures.filter(
            ({ call, outcomes }) => call.branch === 'quiet' && outcomes[0]?.code !== undefined,
          );
          expect(lost.map(({ submittedMs, outcomes }) => ({ submittedMs, outcomes }))).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
  });
});

function deadlineOf(call: Tracked['call'], captures: readonly Tracked[]): number {
  return captures.find((capture) => capture.call === call)?.deadlineMs ?? Number.NaN;
}
