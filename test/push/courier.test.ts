// One subscription: in order, each event until it is taken, given up or declined; and one courier for each.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CourierOptions,
  type DeliveryOutcome,
  MAX_DEAD_LETTERS,
  runCourier,
} from '../../src/push/courier.js';
import { Dispatcher } from '../../src/push/dispatcher.js';
import { eventOf } from '../../src/push/event.js';
import { LeaseLost } from '../../src/push/leased.js';
import { openLmdbPushStore } from '../../src/push/lmdb-push-store.js';
import { type PushStore, readerOf, type Webhook } from '../../src/push/push-store.js';
import type { Outcome, Send } from '../../src/push/sender.js';
import { Targets } from '../../src/push/target.js';
import { anInspection } from '../store/samples.js';
import { aProgress, aWebhook, type FakeClock, fakeClock, type MemoryFeed, memoryFeed } from './samples.js';

const LEASE_MS = 1e6;
const READER = readerOf('mes-1');

let path: string;
let store: PushStore;
let feed: MemoryFeed;
let clock: FakeClock;
let sent: string[];
let outcomes: DeliveryOutcome[];
let stop: AbortController;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'branchline-courier-'));
  store = openLmdbPushStore({ path });
  feed = memoryFeed(['a', 'b', 'c'].map((inspectionId) => anInspection({ inspectionId })));
  clock = fakeClock();
  [sent, outcomes, stop] = [[], [], new AbortController()];
  await store.putWebhook(aWebhook(), aProgress());
  await store.lease(READER, 'me', LEASE_MS);
});
afterEach(async () => {
  await store.close();
  await rm(path, { recursive: true, force: true });
});

const DELIVERED: Outcome = { kind: 'delivered' };
const FAILED: Outcome = { kind: 'failed', fault: 'answered 500' };

/** Answers by event and attempt, 1…; ends the courier after `last`. */
function receiver(answer: (id: string, attempt: number) => Outcome, last = 'c.1'): Send {
  const attempts = new Map<string, number>();
  return async (_webhook, { id }) => {
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    sent.push(id);
    const outcome = answer(id, attempt);
    if (id === last && outcome.kind === 'delivered') setImmediate(() => setTimeout(() => stop.abort(), 20));
    return outcome;
  };
}

function run(send: Send, changes: Partial<CourierOptions> = {}): Promise<void> {
  const policy = { maxAttempts: 5, maxAgeMs: 3_600_000 };
  const options: CourierOptions = {
    webhook: aWebhook(),
    owner: 'me',
    store,
    feed,
    send,
    policy,
    clock,
    random: () => 1,
    onOutcome: (outcome) => outcomes.push(outcome),
    onTrying: () => {},
    ...changes,
  };
  return runCourier(options, stop.signal);
}

describe('courier', () => {
  it('delivers in order, and goes on behind what was taken after a restart', async () => {
    await run(receiver(() => DELIVERED, 'c.1'));
    expect(sent).toEqual(['a.1', 'b.1', 'c.1']);
    feed.add(anInspection({ inspectionId: 'd' }));
    stop = new AbortController();
    await run(receiver(() => DELIVERED, 'd.1'));
    expect(sent).toEqual(['a.1', 'b.1', 'c.1', 'd.1']);
    expect((await store.progress(READER))?.deliveredAt).not.toBeNull();
  });

  it('delivers only its line and its verdicts', async () => {
    feed.add(anInspection({ inspectionId: 'd', lineId: 'other', verdict: 'NG' }));
    feed.add(anInspection({ inspectionId: 'e', lineId: 'other', verdict: 'OK' }));
    feed.add(anInspection({ inspectionId: 'f', lineId: 'other', verdict: 'REVIEW' }));
    const webhook = aWebhook({ lineId: 'other', verdicts: ['NG', 'REVIEW'] });
    await run(
      receiver(() => DELIVERED, 'f.1'),
      { webhook },
    );
    expect(sent).toEqual(['d.1', 'f.1']);
  });

  it('tries again with growing pauses before it goes on to the next', async () => {
    await run(receiver((id, attempt) => (id === 'a.1' && attempt < 4 ? FAILED : DELIVERED)));
    expect(sent).toEqual(['a.1', 'a.1', 'a.1', 'a.1', 'b.1', 'c.1']);
    expect(clock.slept).toEqual([1000, 2000, 4000]);
    expect(outcomes).toEqual(['failed', 'failed', 'failed', 'delivered', 'delivered', 'delivered']);
  });

  it('waits as long as the receiver asks', async () => {
    const busy: Outcome = { kind: 'failed', fault: 'answered 503', retryAfterMs: 90_000 };
    await run(receiver((id, attempt) => (id === 'a.1' && attempt === 1 ? busy : DELIVERED)));
    expect(clock.slept).toEqual([90_000]);
  });

  it('remembers its attempts over a restart', async () => {
    await run(
      async () => {
        sent.push('a.1');
        if (sent.length === 2) setImmediate(() => stop.abort());
        return FAILED;
      },
      {
        clock: {
          ...clock,
          sleep: (ms, signal) => (sent.length < 2 ? clock.sleep(ms, signal) : untilAborted(signal)),
        },
      },
    );
    const { trial } = (await store.progress(READER)) ?? aProgress();
    expect(trial).toMatchObject({ eventId: 'a.1', attempts: 2, fault: 'answered 500' });
    stop = new AbortController();
    await run(receiver((id) => (id === 'a.1' ? FAILED : DELIVERED)));
    expect(sent.filter((id) => id === 'a.1')).toHaveLength(5);
    expect(await store.countDeadLetters('mes-1')).toBe(1);
  });

  it('puts an event aside after its last attempt, and goes on', async () => {
    await run(receiver((id) => (id === 'b.1' ? FAILED : DELIVERED)));
    expect(sent).toEqual(['a.1', 'b.1', 'b.1', 'b.1', 'b.1', 'b.1', 'c.1']);
    expect(outcomes.filter((outcome) => outcome === 'dead')).toHaveLength(1);
    const [letter] = await store.deadLetters('mes-1');
    expect(letter).toMatchObject({ attempts: 5, fault: 'answered 500', replay: false, event: { id: 'b.1' } });
  });

  it('puts an event aside that is tried for too long', async () => {
    const policy = { maxAttempts: 1000, maxAgeMs: 10_000 };
    await run(
      receiver((id) => (id === 'b.1' ? FAILED : DELIVERED)),
      { policy },
    );
    // 1 + 2 + 4 s; the next 8 would be beyond.
    expect(sent.filter((id) => id === 'b.1')).toHaveLength(4);
    expect(await store.countDeadLetters('mes-1')).toBe(1);
  });

  it('ends the subscription where the receiver is gone, and keeps its place', async () => {
    await run(receiver((id) => (id === 'b.1' ? { kind: 'gone', fault: 'answered 410 Gone' } : DELIVERED)));
    expect(sent).toEqual(['a.1', 'b.1']);
    expect(await store.webhook('mes-1')).toMatchObject({ state: 'ENDED', endedReason: 'answered 410 Gone' });
    expect(outcomes.at(-1)).toBe('ended');
    const again = aWebhook({ version: 'v2' });
    await store.putWebhook(again, aProgress({ position: 'elsewhere' }));
    await run(
      receiver(() => DELIVERED),
      { webhook: again },
    );
    expect(sent).toEqual(['a.1', 'b.1', 'b.1', 'c.1']);
  });

  it('ends the subscription when a thousand events were put aside', async () => {
    for (let i = 0; i < MAX_DEAD_LETTERS - 1; i += 1) {
      const letter = { event: eventOf(anInspection()), attempts: 1, buriedAt: '', fault: '', replay: false };
      // Not awaited one by one: they share a commit.
      void store.bury('mes-1', 'me', letter, aProgress());
    }
    await run(receiver(() => FAILED));
    expect((await store.webhook('mes-1'))?.endedReason).toBe(
      '1000 events are on the dead-letter list; the last: answered 500',
    );
  });

  it('sends dead letters that were asked for first, once each', async () => {
    const letter = (inspectionId: string) => ({
      event: eventOf(anInspection({ inspectionId })),
      attempts: 5,
      buriedAt: '2025-01-01T00:00:00.000Z',
      fault: 'old',
      replay: true,
    });
    for (const id of ['x', 'y']) await store.bury('mes-1', 'me', letter(id), aProgress());
    await store.bury('mes-1', 'me', { ...letter('z'), replay: false }, aProgress());
    await run(receiver((id) => (id === 'y.1' ? FAILED : DELIVERED)));
    expect(sent).toEqual(['x.1', 'y.1', 'a.1', 'b.1', 'c.1']);
    const left = await store.deadLetters('mes-1');
    expect(left.map(({ event, attempts, replay, fault }) => [event.id, attempts, replay, fault])).toEqual([
      ['y.1', 6, false, 'answered 500'],
      ['z.1', 5, false, 'old'],
    ]);
  });

  it('stops where another holds the lease, without moving the place', async () => {
    const thief: Send = async () => {
      await store.release(READER, 'me');
      await store.lease(READER, 'other', LEASE_MS);
      return DELIVERED;
    };
    await expect(run(thief)).rejects.toThrow(LeaseLost);
    expect((await store.progress(READER))?.position).toBe('0');
  });

  it('sends nothing of a subscription that was removed or changed meanwhile', async () => {
    await run(
      receiver(() => DELIVERED),
      { webhook: aWebhook({ version: 'old' }) },
    );
    await store.removeWebhook('mes-1');
    await run(receiver(() => DELIVERED));
    expect(sent).toEqual([]);
  });

  it('counts no attempt that its own end cut off', async () => {
    await run(async () => {
      stop.abort();
      return FAILED;
    });
    expect((await store.progress(READER))?.trial).toBeNull();
    expect(outcomes).toEqual([]);
  });
});

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

describe('dispatcher', () => {
  const patient = { nowMs: Date.now, sleep: (_ms: number, signal: AbortSignal) => untilAborted(signal) };
  const dispatch = (send: Send, allow = ['mes.example']) =>
    new Dispatcher({
      store,
      feed,
      send,
      targets: new Targets({ allow, allowPrivate: false }),
      policy: { maxAttempts: 5, maxAgeMs: 1e6 },
      clock: patient,
      random: () => 1,
      onOutcome: (outcome) => outcomes.push(outcome),
      onFault: (error) => {
        throw error;
      },
    });
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise(setImmediate);
  };
  const byWebhook = new Map<string, string[]>();
  const recording =
    (answer: (webhook: Webhook) => Promise<Outcome>): Send =>
    async (webhook, { id }) => {
      byWebhook.set(webhook.id, [...(byWebhook.get(webhook.id) ?? []), id]);
      return answer(webhook);
    };

  beforeEach(async () => {
    await store.release(READER, 'me');
    byWebhook.clear();
  });

  it('lets a receiver that hangs or fails delay no other', async () => {
    for (const id of ['hangs', 'fails', 'works']) await store.putWebhook(aWebhook({ id }), aProgress());
    await store.removeWebhook('mes-1');
    const dispatcher = dispatch(
      recording(({ id }) => {
        if (id === 'hangs') return new Promise((resolve) => setTimeout(resolve, 100, FAILED));
        return Promise.resolve(id === 'fails' ? FAILED : DELIVERED);
      }),
    );
    await until(() => byWebhook.get('works')?.length === 3);
    expect(byWebhook.get('hangs')).toEqual(['a.1']);
    expect(byWebhook.get('fails')).toEqual(['a.1']);
    expect(dispatcher.lagMs()).toBeGreaterThan(0);
    await dispatcher.close();
    expect(dispatcher.lagMs()).toBe(0);
  });

  it('starts what is put, restarts what is changed and stops what is removed, when it is woken', async () => {
    await store.removeWebhook('mes-1');
    const dispatcher = dispatch(recording(async ({ url }) => (url.endsWith('new') ? DELIVERED : FAILED)));
    await store.putWebhook(aWebhook({ id: 'late' }), aProgress());
    dispatcher.wake();
    await until(() => byWebhook.get('late')?.length === 1);
    await store.putWebhook(
      aWebhook({ id: 'late', version: 'v2', url: 'https://mes.example/new' }),
      aProgress(),
    );
    dispatcher.wake();
    await until(() => byWebhook.get('late')?.length === 4);
    await store.removeWebhook('late');
    dispatcher.wake();
    feed.add(anInspection({ inspectionId: 'after' }));
    await dispatcher.close();
    expect(byWebhook.get('late')).toEqual(['a.1', 'a.1', 'b.1', 'c.1']);
  });

  it('sends nothing to a target that was taken off the allow-list, and keeps the subscription', async () => {
    const dispatcher = dispatch(
      recording(async () => DELIVERED),
      ['other.example'],
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    await dispatcher.close();
    expect(byWebhook.size).toBe(0);
    expect((await store.webhook('mes-1'))?.state).toBe('ACTIVE');
  });
});
