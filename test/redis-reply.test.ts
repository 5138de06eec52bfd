import { describe, expect, it } from '@jest/globals';
import { MaxRetriesPerRequestError } from 'ioredis/built/errors/index.js';
import { ServiceError } from '../src/errors.js';
import { repliesTo } from '../src/redis-reply.js';

describe('repliesTo', () => {
  it('gives back what Redis said', async () => {
    expect(await repliesTo('result')(Promise.resolve('OK'))).toBe('OK');
  });

  it('says that Redis cannot be reached, in words that are not of its client', async () => {
    const lost = new MaxRetriesPerRequestError(1);
    await expect(repliesTo('recipe')(Promise.reject(lost))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'Redis, the recipe store, does not answer (it cannot be reached); ask again.',
      retryAfterSeconds: 1,
      cause: lost,
    });
  });

  it('says what else went wrong', async () => {
    await expect(repliesTo('intake')(Promise.reject(new Error('Command timed out')))).rejects.toThrow(
      'Redis, the intake store, does not answer (Command timed out); ask again.',
    );
  });

  it('lets through what the store itself refused', async () => {
    const refusal = new ServiceError('BAD_CURSOR', { detail: 'The cursor is of another store.' });
    await expect(repliesTo('result')(Promise.reject(refusal))).rejects.toBe(refusal);
  });
});
