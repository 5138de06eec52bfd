// Takes one capture of the intake store through the line: leased, judged, and what became of it written down.
import { ServiceError } from '../errors.js';
import type { ReservePixels } from '../inspect/decode-parts.js';
import type { Inspect } from '../inspect.js';
import type { Inspection } from '../inspection.js';
import type { Held, IntakeEntry, IntakeStore } from '../intake/intake-store.js';
import type { ResultStore } from '../store/store.js';
import { isUnderLease, keepLease, type LeaseOptions, newLease } from './lease.js';
import { recordedEnd } from './set-aside.js';
import { afterFailure, completed, taken } from './transitions.js';

/** Memory for the bytes and pixels of one capture. */
export interface Room {
  readonly reservePixels: ReservePixels;
  release(): void;
}

export interface TurnOptions extends LeaseOptions {
  readonly intake: IntakeStore;
  readonly results: Pick<ResultStore, 'get' | 'save'>;
  readonly inspect: Inspect;
  /** Throws ServiceError OVERLOADED. */
  readonly claimBytes: (bytes: number) => Room;
  /** How long the bytes of a judged capture are kept for a revision; 0: its recipe wants none. */
  readonly keepBytesMs: (entry: IntakeEntry) => number;
  readonly windowMs: number;
  readonly monotonicMs: () => number;
  /** Told of what was set aside. */
  readonly onSetAside: (entry: IntakeEntry) => void;
  /** What became of a capture could not be written down. */
  readonly onOutOfReach: (error: Error) => void;
}

/** For whom it runs: a client that waits, or nobody. */
export interface Situation {
  /** From now. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly clientIsTold: boolean;
}

export class Turn {
  readonly #options: TurnOptions;

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  /** Leases the capture as it was read; undefined where somebody else was first. */
  async take({ version, entry }: Held): Promise<Held | undefined> {
    const { intake, results } = this.#options;
    const recorded = entry.revision === 0 ? undefined : await results.get(entry.inspectionId);
    const next = taken(entry, newLease(this.#options), (recorded?.revision ?? entry.revision) + 1);
    const leased = await intake.swap({ captureId: entry.captureId, version, entry: next });
    return leased === undefined ? undefined : { version: leased, entry: next };
  }

  /** Of a capture that `take` leased. Throws what the line throws, once it is written down. */
  async run({ entry }: Held, situation: Situation): Promise<Inspection> {
    const lease = keepLease(this.#options, entry);
    try {
      return await this.#runLeased(entry, situation);
    } finally {
      await lease.end();
    }
  }

  async #runLeased(entry: IntakeEntry, situation: Situation): Promise<Inspection> {
    let inspection: Inspection;
    try {
      inspection = await this.#inspect(entry, situation);
    } catch (error) {
      const ending = { ...this.#times(), clientIsTold: situation.clientIsTold };
      await this.#settle(entry, (now) => afterFailure(now, error, ending));
      throw error;
    }
    // Its record is there: written down late, or never, it would be judged again, and the record stay as it is.
    await this.#settle(entry, (now) => this.#completed(now)).catch(this.#options.onOutOfReach);
    return inspection;
  }

  async #inspect(entry: IntakeEntry, { patienceMs, signal }: Situation): Promise<Inspection> {
    const { inspect, results, claimBytes, monotonicMs } = this.#options;
    const room = claimBytes(entry.heldBytes);
    try {
      const receivedMs = monotonicMs();
      const before = entry.revision === 0 ? undefined : await results.get(entry.inspectionId);
      const inspection = await inspect({
        parts: await this.#parts(entry),
        metadata: { ...entry.metadata, captureId: entry.captureId },
        model: entry.model ?? undefined,
        receivedAt: new Date(entry.receivedAtMs),
        receivedMs,
        deadlineMs: receivedMs + patienceMs,
        signal,
        reservePixels: room.reservePixels,
        inspectionId: entry.inspectionId,
        revision: entry.nextRevision ?? 1,
        previous: before === undefined ? null : previousOf(before),
      });
      if (!inspection.stored) throw notStored(entry);
      if (before !== undefined) await this.#assertRevised(entry);
      return inspection;
    } finally {
      room.release();
    }
  }

  /** A review that came in between took the revision for itself. */
  async #assertRevised({ captureId, inspectionId, nextRevision }: IntakeEntry): Promise<void> {
    const stored = await this.#options.results.get(inspectionId);
    if (stored?.previous?.revision === (nextRevision ?? 0) - 1) return;
    throw new ServiceError('STORE_UNAVAILABLE', {
      detail: `The record of capture "${captureId}" was reviewed meanwhile; it is revised again.`,
      retryAfterSeconds: 1,
    });
  }

  async #parts(entry: IntakeEntry): Promise<ReadonlyMap<string, Uint8Array>> {
    const parts = new Map<string, Uint8Array>();
    for (const { name, revision, held } of entry.pieces) {
      const bytes =
        held && revision !== null ? await this.#options.intake.piece(entry.captureId, name) : undefined;
      if (bytes !== undefined) parts.set(name, bytes);
    }
    return parts;
  }

  #completed(entry: IntakeEntry): IntakeEntry {
    return completed(entry, { ...this.#times(), keepBytesMs: this.#options.keepBytesMs(entry) });
  }

  /** Over what came during the run. Lost where the lease was: then somebody else writes what became of it. */
  async #settle(leased: IntakeEntry, change: (now: IntakeEntry) => IntakeEntry): Promise<void> {
    const { intake, onSetAside } = this.#options;
    for (;;) {
      const held = await intake.get(leased.captureId);
      if (held === undefined || !isUnderLease(held.entry, leased)) return;
      const entry = await recordedEnd(this.#options, held.entry, change(held.entry));
      const dropBytes = entry.heldBytes === 0;
      const written = await intake.swap({
        captureId: entry.captureId,
        version: held.version,
        entry,
        dropBytes,
      });
      if (written === undefined) continue;
      if (entry.state === 'FAILED') onSetAside(entry);
      return;
    }
  }

  #times() {
    const { nowMs, windowMs } = this.#options;
    return { nowMs: nowMs(), windowMs };
  }
}

function previousOf({ revision, verdict, score, branch }: Inspection): Inspection['previous'] {
  return { revision, verdict, score, branch };
}

/** Nobody waits who would take the verdict to the line: it counts once its record is there. */
function notStored({ captureId }: IntakeEntry): ServiceError {
  return new ServiceError('STORE_UNAVAILABLE', {
    detail: `Capture "${captureId}" was judged, but its record could not be stored; it is tried again.`,
    retryAfterSeconds: 1,
  });
}
