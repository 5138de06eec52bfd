// Lets metrics hear how long calls of the rooms take, without the rooms knowing.
import { ServiceError } from '../errors.js';
import type { ResultStore } from '../store/store.js';

/** Every call of a store that answers as fast as it can: `waitForNext` waits on purpose, `close` comes once. */
const OPERATIONS = new Set<string>([
  'save',
  'review',
  'get',
  'map',
  'keepImages',
  'thumbnail',
  'original',
  'list',
  'openReviews',
  'ack',
  'ackUpTo',
  'consumer',
  'consumers',
  'lines',
  'line',
  'end',
  'ping',
] satisfies (keyof ResultStore)[]);

export interface StoreObserver {
  storeCalled(operation: string, seconds: number): void;
  storeCallFailed(operation: string): void;
}

type Call = (...args: unknown[]) => Promise<unknown>;

/** `run` itself, and `onTook` hears the seconds of each call that succeeds. */
export function timed<A extends unknown[], R>(
  run: (...args: A) => Promise<R>,
  onTook: (seconds: number) => void,
): (...args: A) => Promise<R> {
  return async (...args) => {
    const startedMs = performance.now();
    const result = await run(...args);
    onTook((performance.now() - startedMs) / 1000);
    return result;
  };
}

/** Storage whose store is observed. */
export function observeStorage<S extends { readonly store: ResultStore }>(
  storage: S,
  observer: StoreObserver,
): S {
  return { ...storage, store: observeStore(storage.store, observer) };
}

/** The store itself, but for its calls being counted. What a caller did wrong is no failure of the store. */
export function observeStore(store: ResultStore, observer: StoreObserver): ResultStore {
  const observed = (operation: string, call: Call): Call => {
    const timedCall = timed(call, (seconds) => observer.storeCalled(operation, seconds));
    return (...args) =>
      timedCall(...args).catch((error: unknown) => {
        if (!(error instanceof ServiceError) || error.status >= 500) observer.storeCallFailed(operation);
        throw error;
      });
  };
  return new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(target, name, target);
      if (typeof own !== 'function') return own;
      // Bound to the store: its private fields are not the proxy's.
      const call = own.bind(target) as Call;
      return OPERATIONS.has(name as string) ? observed(name as string, call) : call;
    },
  });
}
