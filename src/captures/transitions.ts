// What an entry of the intake store becomes when something happens to its capture (pure). Times are Unix milliseconds.
import { ServiceError } from '../errors.js';
import type { CaptureMetadata } from '../inspection.js';
import type { IntakeEntry, Piece } from '../intake/intake-store.js';
import { contentHash } from './content-hash.js';

/** What kills its worker, or the process, so often is set aside: the next capture must get its turn. */
export const MAX_ATTEMPTS = 2;

/** Ends of a run that say nothing against the capture: it is tried again. */
const TRY_AGAIN = ['OVERLOADED', 'DEADLINE_UNREACHABLE', 'STORE_UNAVAILABLE', 'SHUTTING_DOWN', 'CLIENT_GONE'];

export interface NewEntry {
  readonly captureId: string;
  readonly inspectionId: string;
  readonly nowMs: number;
  readonly windowMs: number;
}

export function opened(
  { captureId, inspectionId, nowMs, windowMs }: NewEntry,
  maxWaitMs: number,
): IntakeEntry {
  return {
    captureId,
    inspectionId,
    state: 'OPEN',
    inPieces: true,
    contentHash: null,
    pieces: [],
    metadata: null,
    model: null,
    receivedAtMs: nowMs,
    revision: 0,
    nextRevision: null,
    attempts: 0,
    lease: null,
    failure: null,
    openUntilMs: nowMs + maxWaitMs,
    wakeAtMs: nowMs + maxWaitMs,
    expiresAtMs: nowMs + windowMs,
    heldBytes: 0,
  };
}

export interface WholeContent {
  readonly pieces: readonly Piece[];
  readonly metadata: CaptureMetadata;
  readonly model: string | null;
  readonly contentHash: string;
}

export function acceptedWhole(entry: NewEntry, content: WholeContent): IntakeEntry {
  return {
    ...opened(entry, 0),
    ...content,
    pieces: [...content.pieces],
    state: 'ACCEPTED',
    inPieces: false,
    openUntilMs: null,
    heldBytes: bytesOf(content.pieces),
  };
}

/** The client will wait elsewhere; its turn is now. */
export function accepted(entry: IntakeEntry, nowMs: number): IntakeEntry {
  return { ...entry, state: 'ACCEPTED', lease: null, wakeAtMs: nowMs };
}

/** A run begins: what has come by now is judged, and what comes from now on is late. */
export function taken(
  entry: IntakeEntry,
  lease: { readonly owner: string; readonly untilMs: number },
  nextRevision: number,
): IntakeEntry {
  const revision = entry.nextRevision ?? nextRevision;
  const pieces = entry.pieces.map((piece) => ({
    ...piece,
    revision: piece.revision ?? (piece.held ? revision : null),
  }));
  const hashes = new Map(pieces.filter(({ held }) => held).map(({ name, sha256 }) => [name, sha256]));
  return {
    ...entry,
    state: 'RUNNING',
    pieces,
    contentHash: entry.contentHash ?? contentHash(hashes, entry.metadata ?? {}, entry.model),
    nextRevision: revision,
    attempts: entry.attempts + 1,
    lease,
    wakeAtMs: lease.untilMs,
  };
}

/** Its record is stored. With pieces that came during the run, and are to be answered, the next run is due at once. */
export function completed(
  entry: IntakeEntry,
  { nowMs, windowMs, keepBytesMs }: { nowMs: number; windowMs: number; keepBytesMs: number },
): IntakeEntry {
  const done: IntakeEntry = {
    ...entry,
    state: 'COMPLETED',
    revision: entry.nextRevision ?? entry.revision,
    nextRevision: null,
    attempts: 0,
    lease: null,
    failure: null,
    expiresAtMs: nowMs + windowMs,
  };
  if (keepBytesMs === 0 || done.heldBytes === 0) return withoutBytes(done);
  const cameMeanwhile = done.pieces.some(({ held, revision }) => held && revision === null);
  return cameMeanwhile ? accepted(done, nowMs) : { ...done, wakeAtMs: nowMs + keepBytesMs };
}

export function withoutBytes(entry: IntakeEntry): IntakeEntry {
  return {
    ...entry,
    wakeAtMs: null,
    heldBytes: 0,
    // Pieces may still be sent again, with the metadata they came with.
    metadata: entry.inPieces ? entry.metadata : null,
    pieces: entry.pieces.map((piece) => ({ ...piece, held: false })),
  };
}

/** Set aside, with a record that says so. One that is stored already stays: then only its revision has failed. */
export function failed(
  entry: IntakeEntry,
  failure: { readonly code: string; readonly detail: string },
  { nowMs, windowMs }: { nowMs: number; windowMs: number },
): IntakeEntry {
  const state = entry.revision > 0 ? 'COMPLETED' : 'FAILED';
  const revision = Math.max(1, entry.revision);
  const settled = { revision, lease: null, nextRevision: null, attempts: 0, expiresAtMs: nowMs + windowMs };
  return withoutBytes({ ...entry, ...settled, state, failure });
}

export interface Ending {
  readonly nowMs: number;
  readonly windowMs: number;
  /** Whose client waits and is told: the capture itself goes back to where it was. */
  readonly clientIsTold: boolean;
}

/** A run ended without a record. */
export function afterFailure(entry: IntakeEntry, error: unknown, ending: Ending): IntakeEntry {
  const { nowMs, clientIsTold } = ending;
  const { code, status, message, retryAfterSeconds } =
    error instanceof ServiceError ? error : asInternal(error as Error);
  const tryAgain = TRY_AGAIN.includes(code);
  const atFault = !tryAgain && status < 500;
  if (atFault && !clientIsTold) return failed(entry, { code, detail: message }, ending);
  if (!tryAgain && !atFault && entry.attempts >= MAX_ATTEMPTS)
    return failed(entry, { code, detail: message }, ending);
  const attempts = tryAgain || atFault ? entry.attempts - 1 : entry.attempts;
  // A revision's number may be taken by now.
  const nextRevision = entry.revision > 0 ? null : entry.nextRevision;
  const again = accepted({ ...entry, attempts, nextRevision }, nowMs + 1000 * (retryAfterSeconds ?? 1));
  return reopened(again, nowMs);
}

/** Nobody knows how the run ended: its process is gone, or hangs. */
export function afterLease(entry: IntakeEntry, times: { nowMs: number; windowMs: number }): IntakeEntry {
  if (entry.attempts < MAX_ATTEMPTS) return accepted(entry, times.nowMs);
  const detail = `The process ended ${entry.attempts} times while it was judged.`;
  return failed(entry, { code: 'WORKER_LOST', detail }, times);
}

/** Pieces may come again until the deadline, where it has not passed and no record is there. */
function reopened(entry: IntakeEntry, nowMs: number): IntakeEntry {
  const { inPieces, openUntilMs, revision } = entry;
  if (!inPieces || revision > 0 || openUntilMs === null || openUntilMs <= nowMs) return entry;
  const pieces = entry.pieces.map((piece) => ({ ...piece, revision: null }));
  return { ...entry, state: 'OPEN', contentHash: null, pieces, wakeAtMs: openUntilMs };
}

/** As if it had never come. */
export function isExpired({ wakeAtMs, expiresAtMs }: IntakeEntry, nowMs: number): boolean {
  return wakeAtMs === null && expiresAtMs <= nowMs;
}

export function bytesOf(pieces: readonly Piece[]): number {
  return pieces.reduce((total, { bytes, held }) => total + (held ? bytes : 0), 0);
}

function asInternal({ message }: Error): ServiceError {
  return new ServiceError('INTERNAL', { detail: message });
}
