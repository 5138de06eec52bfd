// The shared recipe store: Redis, for several replicas of the service.
import type { RedisCommander } from 'ioredis';
import { canonicalJson } from '../canonical-json.js';
import { repliesTo } from '../redis-reply.js';
import { type RecipeRevision, recipeRevision } from './recipe.js';
import { MAX_REVISIONS, type RecipeStore } from './recipe-store.js';

const answered = repliesTo('recipe');

/**
 * KEYS: newest (hash: revision by id), revisions of this recipe (hash: JSON by number). ARGV: id, revision, its JSON,
 * the revision to let go. Bounded by the number of recipes and of their revisions; none has a lifetime.
 */
const ADD = `
local newest = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
local revision = tonumber(ARGV[2])
if newest == revision then
  return redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[3] and 1 or 0
end
if newest ~= revision - 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[4])
return 1`;

/** A store on `redis`, which stays the caller's. For a cluster `keyPrefix` needs braces. */
export function createRedisRecipes(options: {
  readonly redis: RedisCommander;
  readonly keyPrefix: string;
}): RecipeStore {
  const { redis, keyPrefix } = options;
  const newestKey = `${keyPrefix}newest`;
  const revisionsKey = (id: string) => `${keyPrefix}recipe:${id}`;
  const get = async (id: string, revision: number) => {
    const json = await answered(redis.hget(revisionsKey(id), `${revision}`));
    return json === null ? undefined : recipeRevision.parse(JSON.parse(json));
  };
  return {
    shared: true,
    get,
    async newest() {
      const numbers = Object.entries(await answered(redis.hgetall(newestKey)));
      const found = await Promise.all(numbers.map(([id, revision]) => get(id, Number(revision))));
      return found.filter((entry): entry is RecipeRevision => entry !== undefined);
    },
    async add(entry) {
      const { id, revision } = entry;
      const keys = [newestKey, revisionsKey(id)];
      const argv = [id, revision, canonicalJson(entry), revision - MAX_REVISIONS];
      return (await answered(redis.eval(ADD, keys.length, ...keys, ...argv))) === 1;
    },
    async close() {},
  };
}
