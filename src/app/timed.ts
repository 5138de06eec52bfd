// Lets metrics hear how long calls of the rooms take, without the rooms knowing.
import { ServiceError } from '../errors.js';
import type { ResultStore } from '../store/store.js';

/** Every call of a store that answers as fast as it can: `waitForNext` waits on purpose, `close` comes once. */
const OPERATIONS = ['save', 'get', 'map', 'thumbnail', 'list', 'ping'] as const;

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
  const observed = (operation: (typeof OPERATIONS)[number]): Call => {
    const call = timed(store[operation].bind(store) as Call, (seconds) =>
      observer.storeCalled(operation, seconds),
    );
    return (...args) =>
      call(...args).catch((error: unknown) => {
        if (!(error instanceof ServiceError) || error.status >= 500) observer.storeCallFailed(operation);
        throw error;
      });
  };
  const calls = new Map<PropertyKey, unknown>(OPERATIONS.map((name) => [name, observed(name)]));
  return new Proxy(store, {
    get(target, name) {
      const own = Reflect.get(target, name, target) as unknown;
      // Bound to the store: its private fields are not the proxy's.
      return calls.get(name) ?? (typeof own === 'function' ? own.bind(target) : own);
    },
  });
}
