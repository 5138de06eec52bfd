// Judges a capture once, however often and wherever it is sent: twins wait for the first, and get its answer.
import type { Inspection } from '../inspection.js';
import { ABSENT, type Held, type IntakeEntry, type IntakeStore } from '../intake/intake-store.js';
import type { ResultStore } from '../store/store.js';
import { keepLease, type LeaseOptions, newLease } from './lease.js';
import { inPieces, otherContent, setAside } from './refusals.js';
import { isExpired } from './transitions.js';

export interface OnceOptions extends LeaseOptions {
  readonly intake: IntakeStore;
  readonly results: Pick<ResultStore, 'get'>;
  readonly windowMs: number;
  readonly newInspectionId: () => string;
  /** Resolves after `ms`; rejects with the signal's reason. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The intake store failed, and the line went on without it. */
  readonly onOutOfReach: (error: Error) => void;
}

/** A capture as it came: all at once, under a name. */
export interface WholeCapture {
  readonly captureId: string;
  readonly contentHash: string;
  /** Of the client. */
  readonly signal: AbortSignal;
}

export interface Claimed {
  readonly inspectionId: string;
  /** As Capture.claimed. */
  readonly claimed: Promise<void>;
}

export interface Answered {
  readonly inspection: Inspection;
  readonly replayed: boolean;
}

type Run = (claim: Claimed) => Promise<Inspection>;

interface Twin {
  readonly contentHash: string;
  readonly answered: Promise<Answered | undefined>;
}

/** What the intake store says of a capture that was sent. */
type Finding =
  | { readonly is: 'free'; readonly version: string; readonly inspectionId: string }
  | { readonly is: 'answered'; readonly inspection: Inspection }
  | { readonly is: 'busy' }
  | { readonly is: 'unknown' };

const POLL_MS = 50;
/** After the store failed, captures do without it for so long: each attempt would cost the line its time-out. */
const DO_WITHOUT_MS = 1000;
/** Answers whose record may not be found yet: enough for the retries of an outage, some megabytes. */
const MAX_REMEMBERED = 1000;

export class Once {
  readonly #options: OnceOptions;
  readonly #running = new Map<string, Twin>();
  /** By captureId, the oldest first: what was answered and could not be written down. */
  readonly #remembered = new Map<string, { contentHash: string; inspection: Inspection }>();
  #withoutUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: OnceOptions) {
    this.#options = options;
  }

  /** Throws ServiceError CAPTURE_CONFLICT, CAPTURE_FAILED, what `run` throws, or the signal's reason. */
  async inspect(capture: WholeCapture, run: Run): Promise<Answered> {
    for (;;) {
      capture.signal.throwIfAborted();
      const twin = this.#running.get(capture.captureId);
      if (twin === undefined) {
        const answered = await this.#first(capture, run);
        if (answered !== undefined) return answered;
        await this.#options.pause(POLL_MS, capture.signal);
        continue;
      }
      if (twin.contentHash !== capture.contentHash) throw otherContent(capture.captureId);
      // Where the first was refused, its twin is judged by itself: that one's client may have hung up.
      const theirs = await unlessAborted(twin.answered, capture.signal).catch(() => undefined);
      if (theirs !== undefined) return { inspection: theirs.inspection, replayed: true };
    }
  }

  /** undefined: somebody else has it, come again. */
  async #first(capture: WholeCapture, run: Run): Promise<Answered | undefined> {
    const { captureId, contentHash } = capture;
    const answered = this.#judge(capture, run);
    const twin = { contentHash, answered };
    this.#running.set(captureId, twin);
    try {
      return await answered;
    } finally {
      this.#running.delete(captureId);
    }
  }

  async #judge(capture: WholeCapture, run: Run): Promise<Answered | undefined> {
    const finding = await this.#find(capture);
    if (finding.is === 'busy') return undefined;
    if (finding.is === 'answered') return { inspection: finding.inspection, replayed: true };
    if (finding.is === 'unknown') return this.#judgeUnclaimed(capture, run);
    const { inspectionId } = finding;
    const entry = this.#entryOf(capture, inspectionId);
    const claim = this.#claim(entry, finding.version);
    const { shared } = this.#options.intake;
    // Alone on this store, the claim is written beside the run; others must see it before.
    if (shared && (await claim) === 'taken') return undefined;
    const lease = shared ? keepLease(this.#options, entry) : undefined;
    const version = async () => (await lease?.end()) ?? claim;
    try {
      const inspection = await run({ inspectionId, claimed: claim.then(() => {}) });
      if (!inspection.stored) await this.#letGo(capture, inspection, await version());
      return { inspection, replayed: false };
    } catch (error) {
      // A capture that was refused leaves no trace: sent again, it is judged.
      await this.#withdraw(capture, await version());
      throw error;
    } finally {
      // Not waited for: a store that hangs in a renewal must not hold up the answer.
      void lease?.end();
    }
  }

  async #find(capture: WholeCapture): Promise<Finding> {
    const { intake, nowMs } = this.#options;
    const known = this.#remembered.get(capture.captureId);
    if (known !== undefined) {
      if (known.contentHash !== capture.contentHash) throw otherContent(capture.captureId);
      return { is: 'answered', inspection: known.inspection };
    }
    if (nowMs() < this.#withoutUntilMs) return { is: 'unknown' };
    try {
      return await this.#examine(capture, await intake.get(capture.captureId));
    } catch (error) {
      if (isRefusal(error)) throw error;
      this.#doWithout(error);
      return { is: 'unknown' };
    }
  }

  async #examine(capture: WholeCapture, held: Held | undefined): Promise<Finding> {
    const { nowMs, newInspectionId, owner, intake } = this.#options;
    const fresh = (version: string) => ({ is: 'free', version, inspectionId: newInspectionId() }) as const;
    if (held === undefined) return fresh(ABSENT);
    const { version, entry } = held;
    if (isExpired(entry, nowMs())) return fresh(version);
    if (entry.contentHash === null) throw inPieces(entry.captureId);
    const inspection = await this.#recordOf(entry);
    const { lease } = entry;
    // A claim of an earlier life of this process, on a store that is its own, holds nothing.
    const leased = lease !== null && intake.shared && lease.owner !== owner && lease.untilMs > nowMs();
    const waits = entry.wakeAtMs !== null && inspection === undefined;
    if (entry.contentHash !== capture.contentHash) {
      if (inspection !== undefined || leased || waits || entry.state === 'FAILED')
        throw otherContent(entry.captureId);
      return fresh(version);
    }
    if (entry.state === 'FAILED') throw setAside(entry);
    if (inspection !== undefined) return { is: 'answered', inspection };
    return leased || waits ? { is: 'busy' } : { is: 'free', version, inspectionId: entry.inspectionId };
  }

  /** A result store that cannot be read is no reason to keep the line waiting: judged again, the record is the same. */
  async #recordOf({ inspectionId }: IntakeEntry): Promise<Inspection | undefined> {
    return this.#options.results.get(inspectionId).catch(() => undefined);
  }

  /** Never rejects. 'taken': another replica was first. */
  async #claim(entry: IntakeEntry, version: string): Promise<'taken' | string | undefined> {
    const { captureId } = entry;
    try {
      const claimed = await this.#options.intake.swap({ captureId, version, entry });
      return claimed ?? 'taken';
    } catch (error) {
      this.#doWithout(error);
      return undefined;
    }
  }

  #entryOf({ captureId, contentHash }: WholeCapture, inspectionId: string): IntakeEntry {
    const { nowMs, windowMs } = this.#options;
    return {
      captureId,
      inspectionId,
      state: 'RUNNING',
      inPieces: false,
      contentHash,
      pieces: [],
      // The hash stands for them: a claim is kept for a day, and there is one for each part made.
      metadata: null,
      model: null,
      receivedAtMs: nowMs(),
      revision: 0,
      nextRevision: null,
      attempts: 0,
      lease: newLease(this.#options),
      failure: null,
      openUntilMs: null,
      // Nobody takes it up again: its client waits, or comes again.
      wakeAtMs: null,
      expiresAtMs: nowMs() + windowMs,
      heldBytes: 0,
    };
  }

  /** The record could not be stored: twins at other replicas must not wait for it. */
  async #letGo(capture: WholeCapture, inspection: Inspection, version: string | undefined): Promise<void> {
    this.#remember(capture, inspection);
    if (version === undefined) return;
    const entry = { ...this.#entryOf(capture, inspection.inspectionId), lease: null };
    await this.#options.intake
      .swap({ captureId: capture.captureId, version, entry })
      .catch((error: Error) => this.#doWithout(error));
  }

  async #withdraw({ captureId }: WholeCapture, version: string | undefined): Promise<void> {
    if (version === undefined) return;
    await this.#options.intake
      .swap({ captureId, version, entry: undefined })
      .catch((error: Error) => this.#doWithout(error));
  }

  /** The intake store is out of reach: the line gets its answer, and a retry at this process the same one. */
  async #judgeUnclaimed(capture: WholeCapture, run: Run): Promise<Answered> {
    const inspectionId = this.#options.newInspectionId();
    const inspection = await run({ inspectionId, claimed: Promise.resolve() });
    this.#remember(capture, inspection);
    return { inspection, replayed: false };
  }

  #remember({ captureId, contentHash }: WholeCapture, inspection: Inspection): void {
    this.#remembered.set(captureId, { contentHash, inspection });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }

  #doWithout(error: unknown): void {
    this.#withoutUntilMs = this.#options.nowMs() + DO_WITHOUT_MS;
    this.#options.onOutOfReach(error as Error);
  }
}

function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'CAPTURE_CONFLICT' || code === 'CAPTURE_FAILED';
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
