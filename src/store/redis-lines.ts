// Counters of the shared store's lines; PUT of redis-scripts.ts keeps them, here they are read and reset.
import type { RedisCommander } from 'ioredis';
import { lineCounts, MAX_RESETS, NO_COUNTS } from './line-counts.js';
import { RESET_LINE } from './redis-scripts.js';
import type { Changeover, Line, LineCounts, Reset } from './store.js';

export class RedisLines {
  readonly #redis: RedisCommander;
  readonly #key: (name: string) => string;

  constructor(redis: RedisCommander, key: (name: string) => string) {
    this.#redis = redis;
    this.#key = key;
  }

  async all(): Promise<Line[]> {
    const ids = (await this.#redis.smembers(this.#key('lines'))).sort();
    const found = await Promise.all(ids.map((lineId) => this.line(lineId)));
    return found.filter((line) => line !== undefined);
  }

  async line(lineId: string): Promise<Line | undefined> {
    const fields = await this.#redis.hgetall(this.#key(`line:${lineId}`));
    return fields.since === undefined ? undefined : { lineId, since: fields.since, counts: countsIn(fields) };
  }

  /** The newest first. */
  async resets(lineId: string): Promise<Changeover[]> {
    const events = await this.#redis.lrange(this.#key(`resets:${lineId}`), 0, -1);
    return events.map(toChangeover);
  }

  /** undefined where there is no such line. */
  async reset(lineId: string, { by, reason, at }: Reset): Promise<Changeover | undefined> {
    const keys = [this.#key(`line:${lineId}`), this.#key(`resets:${lineId}`)];
    const event = await this.#redis.eval(RESET_LINE, keys.length, ...keys, by, reason, at, MAX_RESETS);
    return event === null ? undefined : toChangeover(event as string);
  }
}

/** As RESET_LINE writes it: a list, because Lua cannot tell an empty object from an empty array. */
function toChangeover(text: string): Changeover {
  const [by, reason, at, ...fields] = JSON.parse(text) as [string, string, string, ...string[]];
  const pairs = fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : []));
  const held = Object.fromEntries(pairs) as Record<string, string>;
  return { by, reason, at, since: held.since ?? '', counts: countsIn(held) };
}

/** A field that was never counted is not there. */
function countsIn(fields: Readonly<Record<string, string>>): LineCounts {
  const { since: _, resets: __, ...counted } = fields;
  const counts = Object.entries(counted).map(([name, value]) => [name, Number(value)]);
  return lineCounts.parse({ ...NO_COUNTS, ...Object.fromEntries(counts) });
}
