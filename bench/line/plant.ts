// The machines of the simulation: the service as a process of its own, its store, and a Redis where one is asked for.
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { freePort } from '../child-server.js';
import { type RunningService, startService } from '../service.js';
import type { LineOptions } from './options.js';
import { type OwnRedis, ownRedis } from './redis.js';
import { recipesOf } from './station.js';

export interface Plant {
  readonly url: string;
  /** "name@version". */
  readonly model: string;
  /** As a power cut would; then a start on the same store. */
  killAndRestart(): Promise<void>;
  stopRedis(): Promise<void>;
  startRedis(): Promise<void>;
  /** The log of the service's present life. */
  readonly logFile: () => string;
  stop(): Promise<void>;
}

/** Everything in `folder`, which is the caller's to remove. */
export async function startPlant(options: LineOptions, folder: string): Promise<Plant> {
  const redis = options.store === 'redis' ? await ownRedis(join(folder, 'redis')) : undefined;
  await redis?.start();
  try {
    return await startOn(options, folder, redis);
  } catch (error) {
    await redis?.stop();
    throw error;
  }
}

async function startOn(options: LineOptions, folder: string, redis: OwnRedis | undefined): Promise<Plant> {
  const recipes = join(folder, 'recipes.json');
  await writeFile(recipes, JSON.stringify(recipesOf(options.forms.includes('pieces'))));
  const version = basename(options.bundle);
  const name = basename(dirname(options.bundle));
  const model = `${name}@${version}`;
  const port = await freePort();
  let lives = 0;
  const logFile = () => join(folder, `service-${lives}.log`);
  const start = () => {
    lives += 1;
    return startService({
      modelsDir: dirname(dirname(options.bundle)),
      model,
      storePath: join(folder, 'store'),
      logFile: logFile(),
      port,
      inherit: false,
      env: { RECIPES_FILE: recipes, LOG_LEVEL: 'warn', ...(redis && { REDIS_URL: redis.url }) },
    });
  };
  let service: RunningService = await start();
  return {
    url: service.url,
    model,
    logFile,
    killAndRestart: async () => {
      await service.kill();
      service = await start();
    },
    stopRedis: async () => redis?.stop(),
    startRedis: async () => redis?.start(),
    stop: async () => {
      await service.stop();
      await redis?.stop();
    },
  };
}
