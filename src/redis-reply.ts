// What a call comes to where Redis does not answer: one refusal for every store that lies there.
import { ServiceError } from './errors.js';

/** Callers are told to come again: it is not their request that is at fault, nor this service. */
export const repliesTo =
  (store: 'result' | 'recipe' | 'intake') =>
  async <T>(reply: Promise<T>): Promise<T> => {
    try {
      return await reply;
    } catch (cause) {
      if (cause instanceof ServiceError) throw cause;
      throw new ServiceError('STORE_UNAVAILABLE', {
        detail: `Redis, the ${store} store, does not answer (${why(cause as Error)}); ask again.`,
        retryAfterSeconds: 1,
        cause,
      });
    }
  };

/** Where it has no connection, the client speaks of an option of its own. */
function why({ name, message }: Error): string {
  return name === 'MaxRetriesPerRequestError' ? 'it cannot be reached' : message;
}
