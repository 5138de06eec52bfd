// What every intake store must do; the lmdb and redis adapters both pass the same contract tests.
import { z } from 'zod';
import { captureMetadata } from '../inspection.js';

/**
 * OPEN: pieces may still come. ACCEPTED: waits for its turn. RUNNING: somebody judges it, under a lease.
 * COMPLETED: its inspection is stored. FAILED: set aside, with a reason.
 */
export const captureStateName = z.enum(['OPEN', 'ACCEPTED', 'RUNNING', 'COMPLETED', 'FAILED']);

const piece = z.object({
  /** The modality. */
  name: z.string(),
  sha256: z.string(),
  bytes: z.int(),
  arrivedAtMs: z.number(),
  /** Of the record it was first judged for; null: of none yet, or never. */
  revision: z.int().nullable(),
  /** Whether its bytes are in this store. */
  held: z.boolean(),
});
export type Piece = z.infer<typeof piece>;

/** What is known of one capture, without its bytes. Times are Unix milliseconds. */
export const intakeEntry = z.object({
  captureId: z.string(),
  /** Fixed before the first run: a second run writes the same record. */
  inspectionId: z.string(),
  state: captureStateName,
  inPieces: z.boolean(),
  /** null while pieces still come. */
  contentHash: z.string().nullable(),
  pieces: z.array(piece),
  metadata: captureMetadata.nullable(),
  /** As asked for beside the capture. */
  model: z.string().nullable(),
  receivedAtMs: z.number(),
  /** Of the last record that was stored; 0: none yet. */
  revision: z.int(),
  /** Of the record that is being made, fixed by the first attempt at it. */
  nextRevision: z.int().nullable(),
  /** Runs begun whose end nobody has seen: what kills its worker, or the process, adds up here. */
  attempts: z.int(),
  lease: z.object({ owner: z.string(), untilMs: z.number() }).nullable(),
  failure: z.object({ code: z.string(), detail: z.string() }).nullable(),
  /** Until when pieces are waited for; null where it came whole. */
  openUntilMs: z.number().nullable(),
  /** When somebody must look at it again: a deadline, its turn, the end of a lease; null: never. */
  wakeAtMs: z.number().nullable(),
  /** From then on it is as if it had never come, once nobody must look at it any more. */
  expiresAtMs: z.number(),
  /** Bytes of its pieces in this store; more than 0 only while `wakeAtMs` is set. */
  heldBytes: z.int(),
});
export type IntakeEntry = z.infer<typeof intakeEntry>;

/** An entry, and the mark by which the store knows whether it has changed since. */
export interface Held {
  readonly version: string;
  readonly entry: IntakeEntry;
}

/** The version of what is not there. */
export const ABSENT = '';

export interface Change {
  readonly captureId: string;
  /** As it was read; ABSENT: there must be none. */
  readonly version: string;
  /** undefined: entry and bytes go. */
  readonly entry: IntakeEntry | undefined;
  /** Bytes by modality, written in the same step. */
  readonly put?: ReadonlyMap<string, Uint8Array>;
  /** Lets go of the bytes of every piece. */
  readonly dropBytes?: boolean;
}

export interface IntakeUsage {
  /** Captures that somebody must still look at. */
  readonly captures: number;
  readonly bytes: number;
}

export interface IntakeStore {
  /** Whether other processes write here too: only then must a claim be there before the run begins. */
  readonly shared: boolean;
  get(captureId: string): Promise<Held | undefined>;
  /**
   * Writes, where the stored version is still the one that was read, and resolves with the new version once that
   * would survive a crash; with undefined where another writer came first. Entry, bytes and what `due` says change
   * in one step. A removed entry's version is ABSENT.
   */
  swap(change: Change): Promise<string | undefined>;
  /** The bytes of one piece; undefined where they were let go, or never kept. */
  piece(captureId: string, name: string): Promise<Uint8Array | undefined>;
  /** Captures whose `wakeAtMs` has come, the longest due first. */
  due(nowMs: number, limit: number): Promise<readonly string[]>;
  usage(): Promise<IntakeUsage>;
  /** Forgets up to `limit` expired entries, and says how many. A store that forgets by itself has nothing to do. */
  sweep(nowMs: number, limit: number): Promise<number>;
  close(): Promise<void>;
}
