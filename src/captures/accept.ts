// Takes a whole capture in to be judged later: once it is on disk, under a name.
import type { CaptureMetadata } from '../inspection.js';
import { ABSENT, type IntakeEntry, type IntakeStore } from '../intake/intake-store.js';
import { contentHash, hashesOf } from './content-hash.js';
import { inPieces, otherContent } from './refusals.js';
import { acceptedWhole, isExpired, type WholeContent } from './transitions.js';
import { type CaptureView, viewOf } from './view.js';

export interface AcceptOptions {
  readonly intake: IntakeStore;
  /** Throws ServiceError where a capture of these parts would be refused whenever it is judged. */
  readonly assertAcceptable: (
    parts: ReadonlyMap<string, Uint8Array>,
    metadata: CaptureMetadata,
    model: string | undefined,
  ) => void;
  /** Throws ServiceError OVERLOADED where the intake store holds as much as it may. */
  readonly assertRoom: (bytes: number, isNew: boolean) => Promise<void>;
  /** With what the result store says of a capture whose client waited. */
  readonly asItStands: (entry: IntakeEntry) => Promise<IntakeEntry>;
  readonly windowMs: number;
  /** Unix time. */
  readonly nowMs: () => number;
  readonly newInspectionId: () => string;
}

export interface Submission {
  readonly parts: ReadonlyMap<string, Uint8Array>;
  readonly metadata: CaptureMetadata;
  readonly model: string | undefined;
}

export interface AcceptedCapture {
  readonly view: CaptureView;
  readonly replayed: boolean;
}

export class Accept {
  readonly #options: AcceptOptions;

  constructor(options: AcceptOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the capture would survive a crash. Without a captureId it is given one. Throws what a capture at
   * fault gets, where that shows before it is decoded, and ServiceError CAPTURE_CONFLICT, OVERLOADED, STORE_UNAVAILABLE.
   */
  async submit(submission: Submission): Promise<AcceptedCapture> {
    const { intake, nowMs, newInspectionId, windowMs, assertAcceptable, assertRoom, asItStands } =
      this.#options;
    const { parts, metadata, model } = submission;
    assertAcceptable(parts, metadata, model);
    const captureId = metadata.captureId ?? newInspectionId();
    const content = await contentOf(submission, nowMs());
    for (;;) {
      const held = await intake.get(captureId);
      if (held !== undefined && (await this.#isThere(held.entry, content.contentHash)))
        return { view: viewOf(await asItStands(held.entry)), replayed: true };
      await assertRoom(sum(parts), true);
      // A claim without a record keeps its id: should its run end well after all, both write the same record.
      const keepsId = held?.entry.contentHash === content.contentHash && !isExpired(held.entry, nowMs());
      const inspectionId = keepsId ? held.entry.inspectionId : newInspectionId();
      const entry = acceptedWhole({ captureId, inspectionId, nowMs: nowMs(), windowMs }, content);
      const version = held?.version ?? ABSENT;
      if ((await intake.swap({ captureId, version, entry, put: parts })) !== undefined)
        return { view: viewOf(entry), replayed: false };
    }
  }

  /** Whether nothing is left to do for content of this hash; false where it may be accepted. Throws CAPTURE_CONFLICT. */
  async #isThere(entry: IntakeEntry, hash: string): Promise<boolean> {
    const { nowMs, asItStands } = this.#options;
    if (isExpired(entry, nowMs())) return false;
    if (entry.contentHash === null) throw inPieces(entry.captureId);
    const { state, wakeAtMs } = await asItStands(entry);
    const isClaimOnly = state === 'RUNNING' && wakeAtMs === null;
    if (entry.contentHash === hash) return !isClaimOnly;
    const isLive = entry.lease !== null && entry.lease.untilMs > nowMs();
    if (!isClaimOnly || isLive) throw otherContent(entry.captureId);
    return false;
  }
}

async function contentOf({ parts, metadata, model }: Submission, nowMs: number): Promise<WholeContent> {
  const hashes = await hashesOf(parts);
  const pieces = [...parts].map(([name, bytes]) => ({
    name,
    sha256: hashes.get(name) ?? '',
    bytes: bytes.length,
    arrivedAtMs: nowMs,
    revision: null,
    held: true,
  }));
  const asked = model ?? null;
  return { pieces, metadata, model: asked, contentHash: contentHash(hashes, metadata, asked) };
}

function sum(parts: ReadonlyMap<string, Uint8Array>): number {
  return [...parts.values()].reduce((total, { length }) => total + length, 0);
}
