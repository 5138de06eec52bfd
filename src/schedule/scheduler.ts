// The captures before the workers: earliest deadline first, bounded, nobody promised what cannot be kept.
import { ServiceError } from '../errors.js';
import type { RunResult } from '../worker/inference-worker.js';
import type { BatchAnswer, BranchCall, Turn } from '../worker/protocol.js';
import { Afterwards } from './afterwards.js';
import { type Arrival, Arrivals } from './arrivals.js';
import { decide, type Reason } from './door.js';
import { type ExpectedTime, graphsOf } from './expected-time.js';
import { doneBehindMs, forecast, type Machine } from './forecast.js';
import { Patience } from './patience.js';
import { inserted, type Queued, takeTurn } from './queue.js';
import { gaveWay, queueFull, waitedInVain, wouldBeLate } from './refusals.js';
import { Shares } from './shares.js';

/** The smallest verb the scheduler needs of the workers. */
export interface Runner {
  /** How many turns would start at once. */
  readonly idle: number;
  /** Those that run a turn, and those that are idle. */
  readonly alive: number;
  /** One result a batch, in their order. Throws ServiceError where they fail together. */
  run(turn: Turn, expectedMs: number): Promise<readonly RunResult[]>;
}

export interface SchedulerOptions {
  readonly runner: Runner;
  readonly expected: ExpectedTime;
  /** Waiting captures, without those that run. */
  readonly queueLimit: number;
  /** Captures of one run. */
  readonly maxBatch: number;
  /** Captures that a worker is given at once, unless one batch is larger. */
  readonly maxTurn: number;
  readonly nowMs: () => number;
  readonly onDepth: (depth: number) => void;
  /** `model` is that of the batch's calls. */
  readonly onBatch: (size: number, model: string) => void;
}

export interface Submission {
  readonly call: BranchCall;
  /** On the injected clock. */
  readonly deadlineMs: number;
  /** Aborts when the caller is gone or its deadline has passed; its reason becomes the rejection. */
  readonly signal: AbortSignal;
  /** As `arrive` gave it: from now on it is the queue that counts the capture. */
  readonly arrival?: Arrival | undefined;
}

export interface ScheduledAnswer {
  readonly answer: BatchAnswer;
  /** From its submission to its answer all that is not its run: for a worker, and for the others of its turn. */
  readonly queueMs: number;
}

interface Waiting extends Submission, Queued {
  alone?: boolean;
  readonly enqueuedMs: number;
  readonly resolve: (answer: ScheduledAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** Share of a capture's time that the door leaves free for what the forecast does not know. */
const SLACK = 0.1;

/** Of the shortest time that a capture lately had: whoever is in haste must not find the workers taken for long. */
const TURN_SHARE = 0.1;
const LONGEST_TURN_MS = 100;

/** Queues full of captures: long enough to tell a crowd from a neighbour, short enough to forget yesterday's. */
const LATELY = 2;

export class Scheduler {
  readonly #options: SchedulerOptions;
  /** In the order of deadlines. */
  #queue: Waiting[] = [];
  readonly #shares: Shares;
  readonly #afterwards = new Afterwards();
  readonly #arrivals = new Arrivals();
  readonly #patience = new Patience();
  #last: Queued | undefined;
  /** When each running turn is expected to end. */
  readonly #running = new Set<{ readonly endMs: number }>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#shares = new Shares(LATELY * options.queueLimit);
  }

  get depth(): number {
    return this.#queue.length;
  }

  /** How long the one has waited that waits longest; 0 where nobody does. */
  get oldestWaitMs(): number {
    const nowMs = this.#options.nowMs();
    return this.#queue.reduce((longest, { enqueuedMs }) => Math.max(longest, nowMs - enqueuedMs), 0);
  }

  /**
   * Lets a capture in before its body is read, when the branch is not known yet, and counts it until it is submitted
   * or ends. Refuses where the queue is full, or, where the deadline is known already, even a capture as short as the
   * shortest that waits would be late. Throws ServiceError OVERLOADED, DEADLINE_UNREACHABLE.
   */
  arrive(deadlineMs?: number): Arrival {
    const nowMs = this.#options.nowMs();
    this.#assertRoom(nowMs, deadlineMs);
    return this.#arrivals.add(nowMs, deadlineMs);
  }

  #assertRoom(nowMs: number, deadlineMs: number | undefined): void {
    if (this.#queue.length >= this.#options.queueLimit) {
      const machine = this.#machine();
      throw this.#refusal('full', forecast(this.#queue, machine).freeMs - nowMs);
    }
    const like = this.#shortest();
    if (deadlineMs === undefined || like === undefined) return;
    const coming = this.#arrivals.before(deadlineMs, nowMs).map((its) => ({ ...like, deadlineMs: its }));
    const before = [...this.#queue.filter((waiting) => waiting.deadlineMs <= deadlineMs), ...coming];
    if (before.length === 0) return;
    const doneMs = doneBehindMs(before.sort(byDeadline), { ...like, deadlineMs }, this.#machine());
    const lateMs = doneMs - this.#dueOf(deadlineMs, nowMs);
    if (lateMs > 0) throw this.#refusal('late', lateMs);
  }

  /** Of those that wait; where nobody does, the last that was submitted: what comes is probably like it. */
  #shortest(): Queued | undefined {
    const { expected } = this.#options;
    const ms = ({ graphs }: Queued) => expected.ofOne(graphs);
    return (
      this.#queue.reduce<Queued | undefined>(
        (shortest, waiting) => (shortest === undefined || ms(waiting) < ms(shortest) ? waiting : shortest),
        undefined,
      ) ?? this.#last
    );
  }

  /** Throws ServiceError OVERLOADED, DEADLINE_UNREACHABLE, WORKER_LOST, WORKER_STUCK, INTERNAL, or the signal's reason. */
  async submit(submission: Submission): Promise<ScheduledAnswer> {
    submission.arrival?.end();
    submission.signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const enqueuedMs = this.#options.nowMs();
      const waiting: Waiting = {
        ...submission,
        graphs: graphsOf(submission.call),
        dueMs: this.#dueOf(submission.deadlineMs, enqueuedMs),
        enqueuedMs,
        resolve,
        reject,
      };
      this.#last = waiting;
      this.#patience.observe(submission.deadlineMs - enqueuedMs, enqueuedMs);
      submission.signal.addEventListener('abort', () => this.#abandon(waiting), { once: true });
      if (enqueuedMs >= waiting.deadlineMs) reject(waitedInVain(0));
      // Tried even where the estimate says no: it is how an estimate that went wrong is put right.
      else if (this.#options.runner.idle > 0) {
        this.#shares.letIn(waiting);
        void this.#start([[waiting]], enqueuedMs);
      } else this.#admit(waiting);
    });
  }

  /** What a capture took after its run: the door leaves the next ones as much. */
  tookAfterwards(ms: number): void {
    this.#afterwards.observe(ms);
  }

  /** Starts what can start; called when a worker became idle. */
  pump(): void {
    while (this.#options.runner.idle > 0 && this.#queue.length > 0) {
      const nowMs = this.#options.nowMs();
      this.#dropHopeless(nowMs);
      const turn = this.#takeTurn(nowMs);
      if (turn.length > 0) void this.#start(turn, nowMs);
    }
    this.#options.onDepth(this.#queue.length);
  }

  /**
   * The more answers come at once, the less the event loop costs the workers. Each leaves the others their share of the
   * queue, and nobody is answered late for the sake of those behind.
   */
  #takeTurn(nowMs: number): Waiting[][] {
    const { runner, maxBatch, maxTurn, expected } = this.#options;
    const [first] = this.#queue;
    if (first === undefined) return [];
    const share = Math.floor(this.#queue.length / runner.alive);
    const longestMs = Math.min(LONGEST_TURN_MS, TURN_SHARE * this.#patience.shortestMs(nowMs));
    const untilMs = Math.min(nowMs + longestMs, first.deadlineMs - this.#afterwards.estimateMs);
    return takeTurn(this.#queue, nowMs, { maxBatch, maxTurn: Math.min(maxTurn, share), untilMs }, expected);
  }

  #admit(newcomer: Waiting): void {
    const { queueLimit } = this.#options;
    const decision = decide(this.#queue, newcomer, queueLimit, this.#shares, this.#machine());
    if (!decision.admitted) {
      newcomer.reject(this.#refusal(decision.reason, decision.retryInMs));
      return;
    }
    this.#queue = decision.queue;
    this.#shares.letIn(newcomer);
    for (const displaced of decision.displaced) {
      this.#shares.gaveWay(displaced);
      displaced.reject(gaveWay(displaced.call, newcomer.call));
    }
    this.#options.onDepth(this.#queue.length);
  }

  /** The first in the queue who would be answered late: run, they would make those behind them late too. */
  #dropHopeless(nowMs: number): void {
    const { expected } = this.#options;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const answeredMs = nowMs + expected.ofOne(first.graphs) + this.#afterwards.estimateMs;
      if (answeredMs <= first.deadlineMs && nowMs < first.deadlineMs) return;
      this.#queue.shift();
      first.reject(waitedInVain(nowMs - first.enqueuedMs));
    }
  }

  async #start(turn: readonly (readonly Waiting[])[], startedMs: number): Promise<void> {
    const { runner, expected, onBatch, nowMs } = this.#options;
    let expectedMs = 0;
    for (const batch of turn) {
      expectedMs += expected.ofBatch(batch.map(({ graphs }) => graphs));
      onBatch(batch.length, modelOf(batch));
    }
    const running = { endMs: startedMs + expectedMs };
    this.#running.add(running);
    try {
      const results = await runner.run(
        turn.map((batch) => batch.map(({ call }) => call)),
        expectedMs,
      );
      const endedMs = nowMs();
      this.#learn(turn, results, endedMs - startedMs);
      for (const [at, batch] of turn.entries())
        for (const [its, waiting] of batch.entries()) settle(waiting, results[at]?.outcomes[its], endedMs);
    } catch (error) {
      const all = turn.flat();
      if (all.length > 1 && isWorkerLost(error)) this.#tryAlone(all);
      else for (const { reject } of all) reject(error);
    } finally {
      this.#running.delete(running);
    }
  }

  /** Only the one at fault is to fail, and nobody knows which it is. They were let in, also where the queue is full. */
  #tryAlone(all: readonly Waiting[]): void {
    for (const waiting of all) {
      if (waiting.signal.aborted) continue;
      waiting.alone = true;
      this.#queue = inserted(this.#queue, waiting);
    }
    this.pump();
  }

  /** Nothing, where a batch could not be run together: then the rest of the turn's time is unknown too. */
  #learn(turn: readonly (readonly Waiting[])[], results: readonly RunResult[], wallMs: number): void {
    const { expected } = this.#options;
    if (results.some(({ graphs }) => graphs.length === 0)) return;
    let wayMs = wallMs;
    for (const [at, batch] of turn.entries()) {
      const graphs = results[at]?.graphs ?? [];
      expected.observe(modelOf(batch), graphs);
      for (const { ms } of graphs) wayMs -= ms;
    }
    expected.observeWay(turn.flat().length, wayMs);
  }

  /** A call that already runs cannot be stopped; its caller is let go and the answer is thrown away. */
  #abandon(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    waiting.reject(waiting.signal.reason);
    this.#options.onDepth(this.#queue.length);
  }

  #machine(): Machine {
    const { runner, nowMs, maxBatch, expected } = this.#options;
    const now = nowMs();
    const idle = Array.from({ length: runner.idle }, () => now);
    return {
      nowMs: now,
      maxBatch,
      expected,
      freeMs: [...idle, ...[...this.#running].map(({ endMs }) => endMs)],
    };
  }

  #dueOf(deadlineMs: number, nowMs: number): number {
    return deadlineMs - SLACK * Math.max(0, deadlineMs - nowMs) - this.#afterwards.estimateMs;
  }

  #refusal(reason: Reason, retryInMs: number): ServiceError {
    const { length } = this.#queue;
    return reason === 'full' ? queueFull(length, retryInMs) : wouldBeLate(length, retryInMs);
  }
}

function isWorkerLost(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'WORKER_LOST';
}

function byDeadline(one: Queued, other: Queued): number {
  return one.deadlineMs - other.deadlineMs;
}

function modelOf(batch: readonly Waiting[]): string {
  return batch[0]?.call.model ?? '';
}

function settle(
  { call, enqueuedMs, resolve, reject }: Waiting,
  outcome: RunResult['outcomes'][number] | undefined,
  endedMs: number,
): void {
  if (outcome === undefined)
    reject(
      new ServiceError('INTERNAL', { detail: `The worker gave no answer for branch "${call.branch}".` }),
    );
  else if (outcome instanceof ServiceError) reject(outcome);
  else resolve({ answer: outcome, queueMs: Math.max(0, endedMs - enqueuedMs - outcome.runMs) });
}
