import { describe, expect, it } from '@jest/globals';
import { observeStore } from '../../src/app/timed.js';
import { ServiceError } from '../../src/errors.js';
import type { ResultStore } from '../../src/store/store.js';

/** A store with a private field, which a careless proxy cannot reach. */
class Fake {
  readonly #answers: Readonly<Record<string, () => unknown>>;
  constructor(answers: Readonly<Record<string, () => unknown>>) {
    this.#answers = answers;
  }
  async get() {
    return this.#answers.get?.();
  }
  async list() {
    return this.#answers.list?.();
  }
  async save() {}
  async map() {}
  async keepImages() {}
  async thumbnail() {}
  async original() {}
  async ping() {}
  async waitForNext() {
    return this.#answers.waitForNext?.();
  }
}

function observed(answers: Readonly<Record<string, () => unknown>>) {
  const heard: string[] = [];
  const store = observeStore(new Fake(answers) as unknown as ResultStore, {
    storeCalled: (operation, seconds) =>
      heard.push(`${operation} ${seconds >= 0 ? 'took' : 'took less than 0'}`),
    storeCallFailed: (operation) => heard.push(`${operation} failed`),
  });
  return { store, heard };
}

describe('an observed store', () => {
  it('answers as before, and each call is heard', async () => {
    const { store, heard } = observed({ get: () => 'the record' });
    expect(await store.get('1')).toBe('the record');
    expect(heard).toEqual(['get took']);
  });

  it('hears of failures of the store, and not of cursors that are wrong', async () => {
    const { store, heard } = observed({
      get: () => {
        throw new ServiceError('STORE_UNAVAILABLE', { detail: 'away' });
      },
      list: () => {
        throw new ServiceError('BAD_CURSOR', { detail: 'no' });
      },
    });
    await expect(store.get('1')).rejects.toThrow('away');
    await expect(store.list({ limit: 1 })).rejects.toThrow('no');
    expect(heard).toEqual(['get failed']);
  });

  it('does not time what waits on purpose', async () => {
    const { store, heard } = observed({ waitForNext: () => 'woken' });
    expect(await store.waitForNext(undefined, 1, new AbortController().signal)).toBe('woken');
    expect(heard).toEqual([]);
  });
});
