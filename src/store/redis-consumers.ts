// Consumers of the shared store: where each stands in the feed, whichever replica it talks to.
import type { RedisCommander } from 'ioredis';
import {
  assertKeepable,
  type ConsumerState,
  decodeConsumer,
  encodeConsumer,
  entriesToSettle,
  hasAcked,
  MAX_CONSUMERS,
  movedTo,
  NEW_CONSUMER,
  type Standing,
  settle,
  slowest,
  tooManyConsumers,
  withAcks,
} from './consumer-position.js';
import { FIND, KEEP_CONSUMER } from './redis-scripts.js';
import type { Ack, AckOutcome } from './store.js';

/** Replicas that ack for one consumer at the same instant: more would be a fault. */
const MAX_ATTEMPTS = 50;

export class RedisConsumers {
  readonly #redis: RedisCommander;
  readonly #key: (name: string) => string;

  constructor(redis: RedisCommander, key: (name: string) => string) {
    this.#redis = redis;
    this.#key = key;
  }

  async standing(name: string): Promise<Standing | undefined> {
    const text = await this.#redis.hget(this.#key('consumers'), name);
    if (text === null) return undefined;
    const state = await this.#settled(decodeConsumer(text));
    const behind = await this.#redis.zcount(this.#key('feed'), `(${state.position}`, '+inf');
    return { state, lag: Math.max(0, behind - state.ahead.length) };
  }

  async names(): Promise<string[]> {
    return (await this.#redis.hkeys(this.#key('consumers'))).sort();
  }

  async ackedByAll(): Promise<number | undefined> {
    return slowest((await this.#redis.hvals(this.#key('consumers'))).map(decodeConsumer));
  }

  async forget(name: string): Promise<boolean> {
    return (await this.#redis.hdel(this.#key('consumers'), name)) === 1;
  }

  /** Throws ServiceError ACK_REFUSED. */
  async ackIds(name: string, acks: readonly Ack[], at: string): Promise<AckOutcome[]> {
    const places = await this.#find(acks);
    return this.#change(name, (held) => {
      const newly = new Set<number>();
      const outcomes = acks.map(({ revision }, i): AckOutcome => {
        const [sequence = 0, current = 0] = places[i] ?? [];
        if (sequence === 0 || (revision ?? 0) > current) return 'UNKNOWN';
        if (revision !== undefined && revision < current) return 'SUPERSEDED';
        if (newly.has(sequence) || hasAcked(held ?? NEW_CONSUMER, sequence)) return 'ALREADY_ACKED';
        newly.add(sequence);
        return 'ACKED';
      });
      const next = newly.size === 0 ? undefined : withAcks(held ?? NEW_CONSUMER, [...newly], at);
      return { answer: outcomes, next };
    });
  }

  /** Throws ServiceError ACK_REFUSED. */
  async ackUpTo(name: string, sequence: number, at: string): Promise<AckOutcome> {
    return this.#change(name, (held) => {
      if (held !== undefined && sequence <= held.position)
        return { answer: 'ALREADY_ACKED', next: undefined };
      return { answer: 'ACKED', next: movedTo(held ?? NEW_CONSUMER, sequence, at) };
    });
  }

  /** As the consumer is at one instant, whoever acks for it meanwhile. */
  async #change<T>(
    name: string,
    change: (held: ConsumerState | undefined) => { answer: T; next: ConsumerState | undefined },
  ): Promise<T> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const text = await this.#redis.hget(this.#key('consumers'), name);
      const { answer, next } = change(text === null ? undefined : decodeConsumer(text));
      if (next === undefined) return answer;
      const state = await this.#settled(next);
      assertKeepable(name, state);
      const asked = [name, text ?? '', encodeConsumer(state), MAX_CONSUMERS];
      const kept = await this.#redis.eval(KEEP_CONSUMER, 1, this.#key('consumers'), ...asked);
      if (kept === -1) throw tooManyConsumers(name);
      if (kept === 1) return answer;
    }
    throw new Error(`Consumer "${name}" was changed by others ${MAX_ATTEMPTS} times in a row.`);
  }

  /** Sequence and revision of each; [0, 0] of what is not there. */
  async #find(acks: readonly Ack[]): Promise<number[][]> {
    const ids = acks.map(({ inspectionId }) => inspectionId);
    const found = await this.#redis.eval(FIND, 1, this.#key('feed'), this.#key('inspection:'), ...ids);
    return (found as [string, string][]).map((place) => place.map(Number));
  }

  async #settled(state: ConsumerState): Promise<ConsumerState> {
    const range = [`(${state.position}`, '+inf', 'WITHSCORES', 'LIMIT', 0, entriesToSettle(state)] as const;
    const entries = await this.#redis.zrangebyscore(this.#key('feed'), ...range);
    return settle(state, entries.filter((_, i) => i % 2 === 1).map(Number));
  }
}
