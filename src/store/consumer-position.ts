// How far a consumer has confirmed the feed: a position before which all is acked, and what it acked beyond; pure.
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { encodeCursor, type Feed } from './cursor.js';
import type { ConsumerStanding } from './store.js';

/** More than a shift of parts out of order; each ack looks at as many entries of the feed, some milliseconds. */
export const MAX_AHEAD = 10_000;
/** Positions are kept for good, so their number has an end. */
export const MAX_CONSUMERS = 64;

const consumerState = z.object({
  /** Every entry of the feed up to this sequence is acked. */
  position: z.int(),
  /** Sequences beyond it that are acked, ascending. */
  ahead: z.array(z.int()),
  updatedAt: z.string(),
});
export type ConsumerState = z.infer<typeof consumerState>;

export interface Standing {
  readonly state: ConsumerState;
  readonly lag: number;
}

export const NEW_CONSUMER: ConsumerState = { position: 0, ahead: [], updatedAt: '' };

export function decodeConsumer(text: string): ConsumerState {
  return consumerState.parse(JSON.parse(text));
}

export function encodeConsumer(state: ConsumerState): string {
  return JSON.stringify(state);
}

/** The position of the one furthest behind; undefined where there is none. */
export function slowest(consumers: readonly ConsumerState[]): number | undefined {
  return consumers.length === 0 ? undefined : Math.min(...consumers.map(({ position }) => position));
}

export function hasAcked({ position, ahead }: ConsumerState, sequence: number): boolean {
  return sequence <= position || ahead.includes(sequence);
}

/** How many entries `settle` must see of the feed behind the position to decide. */
export function entriesToSettle({ ahead }: ConsumerState): number {
  return ahead.length + 1;
}

/**
 * Moves the position over all that is acked without a gap. `following`: the feed's sequences behind the position,
 * ascending, as many as `entriesToSettle` says, or all there are. Sequences that are gone (their records have a newer
 * revision further on) are no gap, and are forgotten.
 */
export function settle(state: ConsumerState, following: readonly number[]): ConsumerState {
  const acked = new Set(state.ahead);
  const gap = following.findIndex((sequence) => !acked.has(sequence));
  const lastAcked = following[(gap === -1 ? following.length : gap) - 1];
  const position = Math.max(state.position, lastAcked ?? 0);
  const isWhole = following.length < entriesToSettle(state);
  const lastSeen = isWhole ? Number.POSITIVE_INFINITY : (following.at(-1) ?? 0);
  const there = new Set(following);
  const ahead = state.ahead.filter(
    (sequence) => sequence > position && (sequence > lastSeen || there.has(sequence)),
  );
  return { ...state, position, ahead };
}

export function withAcks(
  state: ConsumerState,
  sequences: readonly number[],
  updatedAt: string,
): ConsumerState {
  const ahead = [...new Set([...state.ahead, ...sequences])].filter((sequence) => sequence > state.position);
  return { ...state, ahead: ahead.sort((a, b) => a - b), updatedAt };
}

export function movedTo(state: ConsumerState, position: number, updatedAt: string): ConsumerState {
  return { position, ahead: state.ahead.filter((sequence) => sequence > position), updatedAt };
}

/** As the store gives it out. */
export function describeStanding(
  feed: Omit<Feed, 'tail'>,
  name: string,
  { state, lag }: Standing,
): ConsumerStanding {
  const { position, ahead, updatedAt } = state;
  return { name, cursor: encodeCursor(feed, position), lag, ahead: ahead.length, updatedAt };
}

/** Throws ServiceError ACK_REFUSED. */
export function assertKeepable(name: string, state: ConsumerState): void {
  if (state.ahead.length > MAX_AHEAD)
    throw new ServiceError('ACK_REFUSED', {
      detail:
        `Consumer "${name}" would have more than ${MAX_AHEAD} inspections acked behind one that is not. ` +
        'Read on from its cursor (GET /v1/consumers/{name}) and ack what is missing, or ack a cursor.',
    });
}

export function tooManyConsumers(name: string): ServiceError {
  return new ServiceError('ACK_REFUSED', {
    detail:
      `There are ${MAX_CONSUMERS} consumers already, so "${name}" cannot be kept: ` +
      'DELETE /v1/consumers/{name} those that are no longer used.',
    part: 'name',
  });
}
