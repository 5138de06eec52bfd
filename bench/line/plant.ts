// The machines of the simulation: the service as a process of its own, its store, and a Redis where one is asked for.
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { freePort } from '../child-server.js';
import { type RunningService, startService } from '../service.js';
import type { LineOptions } from './options.js';
import { type OwnRedis, ownRedis } from './redis.js';
import { RECIPE, recipeOf } from './station.js';

/** A service to work a shift on. */
export interface Site {
  readonly url: string;
  /** With every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** "name@version". */
  readonly model: string;
  /** Begins the name of each of its parts. */
  readonly shift: string;
  /** Where it begins in the feed; undefined: with the feed. */
  readonly begin: string | undefined;
  /** Whether others work there as well: then what is owed is not the shift's alone. */
  readonly isShared: boolean;
}

export interface Plant extends Site {
  /** As a power cut would; then a start on the same store. */
  killAndRestart(): Promise<void>;
  stopRedis(): Promise<void>;
  startRedis(): Promise<void>;
  /** The log of the service's present life. */
  readonly logFile: () => string;
  stop(): Promise<void>;
}

/** "name@version" of a bundle's folder. */
export function modelIn(bundle: string): string {
  return `${basename(dirname(bundle))}@${basename(bundle)}`;
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
  await writeFile(recipes, JSON.stringify({ [RECIPE]: recipeOf(options.forms.includes('pieces')) }));
  const model = modelIn(options.bundle);
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
      env: {
        RECIPES_FILE: recipes,
        LOG_LEVEL: 'warn',
        // These stations say themselves when a part is complete. On a slow machine a killed service was away for most
        // of the default, and parts that none of whose pieces had come were rightly set aside.
        CAPTURE_MAX_WAIT_MS: '30000',
        ...(redis && { REDIS_URL: redis.url }),
      },
    });
  };
  let service: RunningService = await start();
  return {
    url: service.url,
    headers: {},
    model,
    shift: 'shift',
    begin: undefined,
    isShared: false,
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
