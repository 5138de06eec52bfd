// Consumers of the embedded store: where each stands in the feed. Writes run within a transaction of lmdb.ts.
import {
  assertKeepable,
  type ConsumerState,
  decodeConsumer,
  encodeConsumer,
  entriesToSettle,
  hasAcked,
  MAX_CONSUMERS,
  movedTo,
  NEW_CONSUMER,
  type Standing,
  settle,
  slowest,
  tooManyConsumers,
  withAcks,
} from './consumer-position.js';
import type { LmdbRooms } from './lmdb-rooms.js';
import type { Ack, AckOutcome } from './store.js';

/** LMDB counts by walking: a million entries took 93 ms, in which nobody else was served. */
const MAX_COUNTED = 50_000;

/** `tail`: the last sequence readers may see. */
export function standing(rooms: LmdbRooms, name: string, tail: number): Standing | undefined {
  const text = rooms.consumers.get(name);
  if (text === undefined) return undefined;
  const state = settled(rooms, decodeConsumer(text));
  const countedTo = Math.min(tail, state.position + MAX_COUNTED);
  // Beyond, each sequence is taken for an entry; most are.
  const behind =
    rooms.feed.getKeysCount({ start: state.position + 1, end: countedTo + 1 }) + tail - countedTo;
  return { state, lag: Math.max(0, behind - state.ahead.length) };
}

export function consumerNames({ consumers }: LmdbRooms): string[] {
  return [...consumers.getKeys()];
}

export function ackedByAll({ consumers }: LmdbRooms): number | undefined {
  return slowest([...consumers.getRange()].map(({ value }) => decodeConsumer(value)));
}

/** Throws ServiceError ACK_REFUSED before it writes. */
export function ackIds(rooms: LmdbRooms, name: string, acks: readonly Ack[], at: string): AckOutcome[] {
  const held = read(rooms, name);
  const newly = new Set<number>();
  const outcomes = acks.map(({ inspectionId, revision }): AckOutcome => {
    const place = rooms.places.get(inspectionId);
    if (place === undefined) return 'UNKNOWN';
    const [sequence, current] = place;
    if (revision !== undefined && revision > current) return 'UNKNOWN';
    if (revision !== undefined && revision < current) return 'SUPERSEDED';
    if (newly.has(sequence) || hasAcked(held, sequence)) return 'ALREADY_ACKED';
    newly.add(sequence);
    return 'ACKED';
  });
  if (newly.size > 0) write(rooms, name, withAcks(held, [...newly], at));
  return outcomes;
}

/** Throws ServiceError ACK_REFUSED before it writes. */
export function ackUpTo(rooms: LmdbRooms, name: string, sequence: number, at: string): AckOutcome {
  const known = rooms.consumers.doesExist(name);
  const held = read(rooms, name);
  if (known && sequence <= held.position) return 'ALREADY_ACKED';
  write(rooms, name, movedTo(held, sequence, at));
  return 'ACKED';
}

function read({ consumers }: LmdbRooms, name: string): ConsumerState {
  const text = consumers.get(name);
  return text === undefined ? NEW_CONSUMER : decodeConsumer(text);
}

function write(rooms: LmdbRooms, name: string, acked: ConsumerState): void {
  const { consumers } = rooms;
  if (!consumers.doesExist(name) && consumers.getKeysCount() >= MAX_CONSUMERS) throw tooManyConsumers(name);
  const state = settled(rooms, acked);
  assertKeepable(name, state);
  consumers.put(name, encodeConsumer(state));
}

function settled({ feed }: LmdbRooms, state: ConsumerState): ConsumerState {
  const following = feed.getKeys({ start: state.position + 1, limit: entriesToSettle(state) });
  return settle(state, [...following]);
}
